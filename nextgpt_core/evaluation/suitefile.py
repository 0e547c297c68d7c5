"""A suite as data: `suite.jsonl` with its media beside it, written and read. Asks nothing.

    {"suite": "NAME", "judges": {"KIND": {"target", "options"}}, "goals": {…}, "reference": {…},
     "baseline": [DIRECTION, …]}
    {"id", "direction", "messages": [{"role", "parts": ["text", {"kind", "file"}]}],
     "expected": […], "says": [["one", "or another"], …], "never": […], "optional": [KIND, …],
     "follows": ID, "family": NAME}
    {"dialogue": [{"role", "parts"}]}

The first line says who judges: `"package.module:Name"` of a plugin, called with the options. The
others are prompts, whose parts are in order, and dialogues of text for the perplexity. Files are
as the modalities' plugins write them, so a medium may lose what its file format loses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from nextgpt_core.intake.hooks import read_media
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.content import replace_file
from nextgpt_registry.documents import LARGEST_JSON, json_of, read_text
from nextgpt_registry.errors import ConfigError, MediaError, RequestError
from nextgpt_registry.media import Blob, Media
from nextgpt_registry.messages import MediaPart, Message, Part, Role
from nextgpt_registry.paths import local_path
from nextgpt_registry.suites import AtMost, Expected, Named, Prompt, Suite

FILE, ASKED = "suite.jsonl", "asked"

_AS_IT_IS = ("id", "direction", "says", "never", "optional", "follows", "family")

Write = Callable[[Media, Path], Path]
"""Writes a medium to a stem plus its suffix, and returns the path."""


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Target(_Line):
    target: str
    options: dict[str, Any] = Field(default_factory=dict)


class _Goal(_Line):
    most: float


class _Head(_Line):
    suite: str
    judges: dict[str, _Target] = Field(default_factory=dict)
    goals: dict[str, float | _Goal] = Field(default_factory=dict)
    reference: _Target | None = None
    baseline: tuple[str, ...] = ()


class _Medium(_Line):
    kind: str
    file: str = ""  # beside this file; none where only the caption of a medium is known
    caption: str = ""

    @field_validator("file")
    @classmethod
    def _beside(cls, name: str) -> str:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ValueError(f"{name!r} lies outside the suite's folder")
        return name


class _Message(_Line):
    role: Role
    parts: tuple[str | _Medium, ...]


class _Expected(_Line):
    kind: str
    facts: dict[str, str] = Field(default_factory=dict)
    concept: str = ""


class _Prompt(_Line):
    id: str
    direction: str
    messages: tuple[_Message, ...] = Field(min_length=1)
    expected: tuple[_Expected, ...]
    says: tuple[tuple[str, ...], ...] = ()
    never: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    follows: str = ""
    family: str = ""


class _Dialogue(_Line):
    dialogue: tuple[_Message, ...] = Field(min_length=1)


def write_suite(folder: Path, suite: Suite, prompts: Iterable[Prompt], write: Write) -> Path:
    """Write these prompts of a suite into a folder, whole or not at all; returns the file."""
    head = _Head(
        suite=suite.name,
        judges={kind: _target(j) for kind, j in suite.judges.items() if isinstance(j, Named)},
        goals={name: _goal(goal) for name, goal in suite.goals.items()},
        reference=_target(suite.reference) if isinstance(suite.reference, Named) else None,
        baseline=tuple(suite.baseline),
    )
    lines: list[_Line] = [head]
    for prompt in prompts:
        messages = tuple(_written(turn, folder, write) for turn in prompt.request())
        expected = tuple(
            _Expected(kind=e.kind, facts=dict(e.facts), concept=e.concept) for e in prompt.expected
        )
        own = {name: getattr(prompt, name) for name in _AS_IT_IS}
        lines.append(_Prompt(messages=messages, expected=expected, **own))
    for dialogue in suite.dialogues:
        lines.append(_Dialogue(dialogue=tuple(_written(t, folder, write) for t in dialogue)))
    text = "".join(f"{line.model_dump_json(exclude_defaults=True)}\n" for line in lines)
    return replace_file(folder / FILE, text.encode())


def read_suite(path: Path, catalog: Catalog) -> Suite:
    """The suite in a file; its media are read when their prompt's turn has come.

    Raises:
        ConfigError: there is no such file, or one of its lines is no part of a suite.
    """
    path = local_path(path, who="suite")
    content = read_text(path, fix="give a suite.jsonl", at_most=LARGEST_JSON)
    head: _Head | None = None
    prompts: list[Prompt] = []
    dialogues: list[tuple[Message, ...]] = []
    read = partial(_read, path.absolute().parent, catalog)
    for number, line in enumerate(content.splitlines(), 1):
        try:
            told = json_of(line)
            if head is None:
                head = _Head.model_validate(told)
            elif "dialogue" in told:
                dialogues.append(read(_Dialogue.model_validate(told).dialogue))
            else:
                prompts.append(_prompt(_Prompt.model_validate(told), read))
        except (ValueError, TypeError, ValidationError) as error:
            raise ConfigError(
                f"{path}, line {number}", f"is no line of a suite: {error}", "see the reference"
            ) from error
    if head is None:
        raise ConfigError(str(path), "is empty", "its first line names the suite")
    return Suite(
        head.suite,
        prompts,
        judges={kind: Named(j.target, j.options) for kind, j in head.judges.items()},
        goals={n: AtMost(g.most) if isinstance(g, _Goal) else g for n, g in head.goals.items()},
        reference=Named(head.reference.target, head.reference.options) if head.reference else None,
        dialogues=dialogues,
        baseline=head.baseline,
        origin=hashlib.sha256(content.encode()).hexdigest(),
    )


def _goal(goal: float | AtMost) -> float | _Goal:
    return _Goal(most=goal.value) if isinstance(goal, AtMost) else goal


def _target(named: Named) -> _Target:
    return _Target(target=named.target, options=dict(named.options))


def _written(turn: Message, folder: Path, write: Write) -> _Message:
    return _Message(role=turn.role, parts=tuple(_part(part, folder, write) for part in turn.parts))


def _part(part: Part, folder: Path, write: Write) -> str | _Medium:
    if isinstance(part, str):
        return part
    name = ""
    if part.media is not None:
        stem = folder / ASKED / part.media.sha256[:20]
        there = sorted(stem.parent.glob(f"{stem.name}.*"))
        stem.parent.mkdir(parents=True, exist_ok=True)
        name = f"{ASKED}/{(there[0] if there else write(part.media, stem)).name}"
    return _Medium(kind=part.channel, file=name, caption=part.caption)


def _prompt(line: _Prompt, read: Callable[[Sequence[_Message]], tuple[Message, ...]]) -> Prompt:
    expected = tuple(Expected(e.kind, e.facts, e.concept) for e in line.expected)
    own = {name: getattr(line, name) for name in _AS_IT_IS}
    return Prompt(expected=expected, messages=partial(read, line.messages), **own)


def _read(folder: Path, catalog: Catalog, messages: Sequence[_Message]) -> tuple[Message, ...]:
    def part(given: str | _Medium) -> Part:
        if isinstance(given, str):
            return given
        media = _medium(folder / given.file, given.kind, catalog) if given.file else None
        return MediaPart(given.kind, media, given.caption)

    return tuple(Message(turn.role, tuple(map(part, turn.parts))) for turn in messages)


def _medium(path: Path, kind: str, catalog: Catalog) -> Media:
    if kind not in catalog.modalities:
        raise RequestError("prompt", f"this system reads no {kind}")
    try:
        blob = Blob(path.read_bytes(), name=path.name)
    except OSError as error:
        raise MediaError(
            str(path), f"cannot be read: {error}", "keep it beside the suite"
        ) from error
    media = read_media(catalog, kind, blob)
    if media is None:
        raise MediaError(str(path), f"no loaded plugin reads it as {kind}", "add one to plugins")
    return media
