"""A conversation as a folder that can be moved, and read again. Knows no modality.

    conversation.json    [{"role", "parts"}]; a part is {"type": "text", "text"}, or a medium:
                         {"type", "channel", "path"}
    <channel>-<hash>.*   its media, as their plugins write them; `path` is relative to the folder

Media are named by what they show and never written over, and `conversation.json` is exchanged last:
a save that is killed leaves the conversation that was there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from nextgpt_core.pipeline import Pipeline
from nextgpt_registry.content import replace_file
from nextgpt_registry.errors import MediaError, RequestError
from nextgpt_registry.media import Blob, Media
from nextgpt_registry.messages import MediaPart, Part, Role, Turn

FILE = "conversation.json"
_AGAIN = "give a folder that `/save` wrote"
_OURS = re.compile(r"[^/\\]+-[0-9a-f]{12}\.\w+")


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Text(_Said):
    type: Literal["text"]
    text: str


class _Medium(_Said):
    type: str  # the modality; "error" where none was made
    channel: str
    path: str | None = None


class _Turn(_Said):
    role: Role
    parts: tuple[Annotated[_Text | _Medium, Field(union_mode="left_to_right")], ...]


_TURNS = TypeAdapter(tuple[_Turn, ...])


def save_talk(turns: Sequence[Turn], folder: Path, pipeline: Pipeline) -> Path:
    """Write a conversation into a folder, in place of one that is there; returns the JSON file.

    Raises:
        MediaError: the folder cannot be written to.
    """
    folder = folder.expanduser().absolute()
    told = tuple(
        _Turn(role=turn.role, parts=tuple(_told(part, folder, pipeline) for part in turn.parts))
        for turn in turns
    )
    before = _files(folder)
    content = _TURNS.dump_python(told, exclude_none=True)
    path = replace_file(
        folder / FILE, (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()
    )
    for name in before - _files(folder):
        (folder / name).unlink(missing_ok=True)
    return path


def load_talk(folder: Path, pipeline: Pipeline) -> tuple[Turn, ...]:
    """The turns of a conversation that was saved.

    Raises:
        RequestError: there is none, or this system has no such channel.
        MediaError: one of its media cannot be read.
    """
    folder = folder.expanduser().absolute()
    return tuple(
        Turn(turn.role, tuple(_part(part, folder, pipeline) for part in turn.parts))
        for turn in _read(folder)
    )


def _told(part: Part, folder: Path, pipeline: Pipeline) -> _Text | _Medium:
    if isinstance(part, str):
        return _Text(type="text", text=part)
    if part.media is None:
        return _Medium(type="error", channel=part.channel)
    stem = folder / f"{part.channel}-{part.media.sha256[:12]}"
    there = sorted(folder.glob(f"{stem.name}.*"))
    path = there[0] if there else pipeline.write(part.media, stem)
    return _Medium(type=part.media.modality, channel=part.channel, path=path.name)


def _part(part: _Text | _Medium, folder: Path, pipeline: Pipeline) -> Part:
    if isinstance(part, _Text):
        return part.text
    if part.channel not in pipeline.system.plan.channels:
        have = ", ".join(pipeline.system.plan.channels)
        raise RequestError(
            f"{folder / FILE}: channel {part.channel!r}",
            "is none of this system",
            f"it has {have}: load the conversation into a system like the one it was held with",
        )
    if part.path is None:
        return MediaPart(part.channel)
    if Path(part.path).is_absolute() or ".." in Path(part.path).parts:
        raise RequestError(str(folder / FILE), f"{part.path!r} lies outside the folder", _AGAIN)
    return MediaPart(part.channel, _medium(folder / part.path, part.type, pipeline))


def _medium(path: Path, modality: str, pipeline: Pipeline) -> Media:
    try:
        blob = Blob(path.read_bytes(), name=path.name)
    except OSError as error:
        raise MediaError(str(path), f"cannot be read: {error}", _AGAIN) from error
    media: Media | None = pipeline.system.catalog.hook.nextgpt_read_media(
        modality=modality, blob=blob
    )
    if media is None:
        raise MediaError(str(path), f"no plugin of this system reads it as {modality}", _AGAIN)
    return media


def _read(folder: Path) -> tuple[_Turn, ...]:
    path = folder / FILE
    try:
        return _TURNS.validate_json(path.read_bytes())
    except OSError as error:
        raise RequestError(str(path), f"cannot be read: {error}", _AGAIN) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise RequestError(
            str(path), f"is no conversation: {where} {first['msg']}", _AGAIN
        ) from error


def _files(folder: Path) -> set[str]:
    """The media files of the conversation that is in a folder, as far as one is."""
    try:
        turns = _read(folder)
    except RequestError:  # another's file, or none: then nothing is ours to remove
        return set()
    paths = {part.path or "" for turn in turns for part in turn.parts if isinstance(part, _Medium)}
    return {path for path in paths if _OURS.fullmatch(path)}
