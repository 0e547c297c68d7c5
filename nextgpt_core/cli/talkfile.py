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

from nextgpt_core.intake.hooks import read_media
from nextgpt_core.intake.sources import contents, file_size
from nextgpt_core.pipeline import Pipeline
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.content import check_limit, replace_file
from nextgpt_registry.documents import LARGEST_JSON, read_text
from nextgpt_registry.errors import MediaError, RequestError
from nextgpt_registry.media import Blob, Media
from nextgpt_registry.messages import MediaPart, Message, Part, Role
from nextgpt_registry.paths import local_path
from nextgpt_registry.plan import Plan

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


def save_talk(messages: Sequence[Message], folder: Path, pipeline: Pipeline) -> Path:
    """Write a conversation into a folder, in place of one that is there; returns the JSON file.

    Raises:
        MediaError: the folder cannot be written to.
    """
    folder = local_path(folder, who="folder", error=MediaError).absolute()
    told = tuple(
        _Turn(
            role=message.role, parts=tuple(_told(part, folder, pipeline) for part in message.parts)
        )
        for message in messages
    )
    before = _files(folder)
    content = _TURNS.dump_python(told, exclude_none=True)
    path = replace_file(
        folder / FILE, (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()
    )
    for name in before - _files(folder):
        (folder / name).unlink(missing_ok=True)
    return path


def load_talk(folder: Path, plan: Plan, catalog: Catalog) -> tuple[Message, ...]:
    """The turns of a conversation that was saved, for a system that need not be live.

    Raises:
        RequestError: there is none, or this system has no such channel.
        MediaError: one of its media cannot be read.
    """
    folder = local_path(folder, who="folder", error=RequestError).absolute()
    return tuple(
        Message(message.role, tuple(_part(part, folder, plan, catalog) for part in message.parts))
        for message in _read(folder)
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


def _part(part: _Text | _Medium, folder: Path, plan: Plan, catalog: Catalog) -> Part:
    if isinstance(part, _Text):
        return part.text
    if part.channel not in plan.channels:
        raise RequestError(
            f"{folder / FILE}: channel {part.channel!r}",
            "is none of this system",
            f"it has {', '.join(plan.channels)}: load the conversation into a system like the one "
            "it was held with",
        )
    if part.path is None:
        return MediaPart(part.channel)
    if Path(part.path).is_absolute() or ".." in Path(part.path).parts:
        raise RequestError(str(folder / FILE), f"{part.path!r} lies outside the folder", _AGAIN)
    return MediaPart(part.channel, _medium(folder / part.path, part.type, catalog))


def _medium(path: Path, modality: str, catalog: Catalog) -> Media:
    who, path = str(path), local_path(path, who="medium", error=MediaError)
    size = file_size(path, who)
    if modality in catalog.modalities:
        check_limit(catalog.modality(modality), "bytes", size, who=who)
        media = read_media(catalog, modality, Blob(contents(path, size, who), name=path.name))
        if media is not None:
            return media
    raise MediaError(who, f"no plugin of this system reads it as {modality!r}", _AGAIN)


def _read(folder: Path) -> tuple[_Turn, ...]:
    path = folder / FILE
    text = read_text(path, error=RequestError, fix=_AGAIN, at_most=LARGEST_JSON)
    try:
        return _TURNS.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise RequestError(
            str(path), f"is no conversation: {where} {first['msg']}", _AGAIN
        ) from error


def _files(folder: Path) -> set[str]:
    """The media files of the conversation that is in a folder, as far as one is."""
    try:
        messages = _read(folder)
    except RequestError:  # another's file, or none: then nothing is ours to remove
        return set()
    paths = {
        part.path or ""
        for message in messages
        for part in message.parts
        if isinstance(part, _Medium)
    }
    return {path for path in paths if _OURS.fullmatch(path)}
