"""A conversation written down beforehand: what is said, and which media each answer should hold.

    title: …                    # over the page; `notes` are paragraphs under it
    conversations:              # each starts afresh
      - title: …
        turns:
          - parts: [{media: cat.png}, {text: "What does it sound like?"}]
            want: [text]        # text or channels; one named twice is wanted twice
            about: []           # channels of earlier media that the words point back to

Media are paths relative to the script; `name` says which channel is meant where a suffix does not.
Knows nothing about how it is answered.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError, model_validator

from nextgpt_core.intake.reading import Reader
from nextgpt_registry.alternatives import did_you_mean
from nextgpt_registry.anchors import beside
from nextgpt_registry.config import Settings
from nextgpt_registry.configfile import Loaded
from nextgpt_registry.documents import read_yaml
from nextgpt_registry.errors import ConfigError
from nextgpt_registry.explain import lines
from nextgpt_registry.messages import MediaPart, Part
from nextgpt_registry.specs import Name

TEXT = "text"
"""What words are called among the names of channels."""


class Said(Settings):
    """A text, or the path of a medium."""

    text: str | None = None
    media: Path | None = None
    name: Name | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.text is None) == (self.media is None) or (self.name and not self.media):
            raise ValueError("wanted {text: …} or {media: PATH, name: CHANNEL}")
        return self


class ScriptTurn(Settings):
    """What is said, and what is wanted back."""

    parts: tuple[Said, ...] = Field(min_length=1)
    want: tuple[Name, ...] = Field(default=(TEXT,), min_length=1)
    about: tuple[Name, ...] = ()
    seed: int | None = None


class ScriptedTalk(Settings):
    """One conversation."""

    title: str = ""
    turns: tuple[ScriptTurn, ...] = Field(min_length=1)


class Script(Settings):
    """Conversations, and what to say about them."""

    title: str = ""
    notes: tuple[str, ...] = ()
    conversations: tuple[ScriptedTalk, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Line:
    """A user's turn whose media have been read."""

    parts: tuple[Part, ...]
    want: tuple[str, ...]
    about: tuple[str, ...] = ()
    seed: int | None = None

    @property
    def given(self) -> tuple[str, ...]:
        """The channels of what is given or pointed back to, each once; `text` if there are none."""
        own = [part.channel for part in self.parts if isinstance(part, MediaPart)]
        return tuple(dict.fromkeys([*own, *self.about])) or (TEXT,)

    @property
    def direction(self) -> str:
        """`a->b`; several names are joined by `+`."""
        return f"{'+'.join(self.given)}->{'+'.join(dict.fromkeys(self.want))}"


@dataclass(frozen=True)
class Talk:
    """A conversation to be played."""

    title: str
    lines: tuple[Line, ...]


def opening_lines(loaded: Loaded) -> tuple[str, ...]:
    """What somebody new may say to a system: how its demo's conversations begin, if in words alone.

    Raises:
        ConfigError: its demo cannot be read.
    """
    if loaded.config.demo is None:
        return ()
    script = read_script(beside(loaded.base, loaded.config.demo))
    first = (talk.turns[0].parts for talk in script.conversations)
    return tuple(parts[0].text for parts in first if len(parts) == 1 and parts[0].text)


def read_script(path: Path) -> Script:
    """The script in a YAML file.

    Raises:
        ConfigError: it cannot be read; all wrong keys and values are listed.
    """
    raw = read_yaml(path, fix="check the path, and mend the file")
    try:
        return Script.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(str(path), f"cannot be read:{lines(error, Script)}") from error


def talks(
    script: Script, base: Path, reader: Reader, made: Collection[str], *, who: str
) -> tuple[Talk, ...]:
    """The conversations of a script in the folder `base`, their media read.

    `made` are the channels that the system answers with.

    Raises:
        ConfigError: something is wanted that the system does not make.
        MediaError: a medium cannot be read.
        RequestError: no channel takes it.
    """
    for talk in script.conversations:
        for name in {name for turn in talk.turns for name in (*turn.want, *turn.about)}:
            if name not in {TEXT, *made}:
                fix = did_you_mean(name, {TEXT, *made})
                raise ConfigError(who, f"wants {name!r}, which this system does not make", fix)
    return tuple(
        Talk(talk.title, tuple(_line(turn, base, reader) for turn in talk.turns))
        for talk in script.conversations
    )


def _line(turn: ScriptTurn, base: Path, reader: Reader) -> Line:
    parts = tuple(
        reader.path(base / said.media, said.name) if said.media else said.text or ""
        for said in turn.parts
    )
    return Line(parts, turn.want, turn.about, turn.seed)
