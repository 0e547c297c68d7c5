"""What a checkpoint was trained with, in `nextgpt.lock.json`. Does not know how plans are made.

A lock pins the protocol, the plugins, the sizes of every channel, the ids of the signals, the
tokenizer and the weights. Channels may be added to a locked system, or left out of it; what both
have must agree. Signal ids are append-only: a channel that is left out keeps its ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from nextgpt_registry.aside import replacing
from nextgpt_registry.config import Settings
from nextgpt_registry.documents import LARGEST_JSON, read_text
from nextgpt_registry.errors import LockError
from nextgpt_registry.explain import lines

LOCK_FILE = "nextgpt.lock.json"
"""What the lock of a saved folder is called."""


class SignalBlock(Settings):
    """The signal tokens of one channel: ids `first` to `first + count - 1`."""

    channel: str
    first: int = Field(ge=0)
    count: int = Field(gt=0)
    spelling: str


class Signals(Settings):
    """All signal blocks, above the `base` rows of the language model's own embedding."""

    base: int
    blocks: tuple[SignalBlock, ...] = ()

    @property
    def count(self) -> int:
        """How many signal tokens there are."""
        return sum(block.count for block in self.blocks)

    def extended(self, counts: Mapping[str, tuple[int, str]]) -> Signals:
        """These, with a block for each channel (count, spelling) that has none yet, appended."""
        blocks, first = list(self.blocks), self.base + self.count
        known = {block.channel for block in blocks}
        for channel, (count, spelling) in counts.items():
            if channel not in known:
                blocks.append(
                    SignalBlock(channel=channel, first=first, count=count, spelling=spelling)
                )
                first += count
        return Signals(base=self.base, blocks=tuple(blocks))


class Lock(Settings):
    """One system's pins. `llm` and each of `channels` hold sizes by name."""

    api: str = Field(pattern=r"^\d+\.\d+$")
    plugins: dict[str, str]  # name -> version
    llm: dict[str, Any]
    channels: dict[str, dict[str, Any]]
    signals: Signals
    tokenizer: str | None = None  # sha256
    base: str | None = None  # what tells the language model's weights from others (`origin`)
    lora_scale: float | None = None  # alpha / r: no shape of the adapters' matrices says it
    weights: dict[str, str] = Field(default_factory=dict)  # part -> sha256


@dataclass(frozen=True)
class Difference:
    """One thing on which a lock and an installation disagree."""

    path: str
    locked: Any
    found: Any

    def __str__(self) -> str:
        """`path: locked … , found …`."""
        return f"{self.path}: locked {self.locked!r}, found {self.found!r}"


def read_lock(path: Path) -> Lock:
    """The lock in a file.

    Raises:
        LockError: it cannot be read, or its signal blocks do not follow each other.
    """
    try:
        lock = Lock.model_validate_json(_text(path))
    except ValidationError as error:
        raise LockError(str(path), f"is no lock file:{lines(error, Lock)}", _RESTORE) from error
    if len(lock.api) > _LONGEST_API:
        raise LockError(str(path), f"its api has {len(lock.api)} characters", _RESTORE)
    first = lock.signals.base
    for block in lock.signals.blocks:
        if block.first != first:
            what = f"signals of {block.channel!r} begin at {block.first}, wanted {first}"
            raise LockError(str(path), what, _RESTORE)
        first += block.count
    return lock


def _text(path: Path) -> str:
    return read_text(path, error=LockError, fix=_RESTORE, at_most=LARGEST_JSON)


def write_lock(lock: Lock, path: Path) -> None:
    """Write a lock so that a reader finds the old one or the new one, never a part."""
    with replacing(path) as aside:
        aside.write_bytes(f"{lock.model_dump_json(indent=1)}\n".encode())


def differences(locked: Lock, found: Lock) -> tuple[Difference, ...]:
    """What keeps a checkpoint made under `locked` from being loaded into `found`."""
    return tuple(_differences(locked, found))


FIX = "install what the lock names, or start a new checkpoint"
_LONGEST_API = 20  # Python refuses to read numbers of thousands of digits
_RESTORE = "restore the lock file from the checkpoint it belongs to"


def _differences(locked: Lock, found: Lock) -> Iterator[Difference]:
    if not _serves(locked.api, found.api):
        yield Difference("api", locked.api, found.api)
    for name in locked.plugins.keys() & found.plugins.keys():
        if not _stands_in(locked.plugins[name], found.plugins[name]):
            yield Difference(f"plugins.{name}", locked.plugins[name], found.plugins[name])
    yield from _unequal("llm", locked.llm, found.llm)
    for name in sorted(locked.channels.keys() & found.channels.keys()):
        yield from _unequal(f"channels.{name}", locked.channels[name], found.channels[name])
    if locked.signals.base != found.signals.base:
        yield Difference("signals.base", locked.signals.base, found.signals.base)
    ours = {block.channel: block for block in found.signals.blocks}
    for block in locked.signals.blocks:
        other = ours.get(block.channel)
        if other is not None:
            yield from _unequal(f"signals.{block.channel}", block.model_dump(), other.model_dump())
    if locked.tokenizer and found.tokenizer and locked.tokenizer != found.tokenizer:
        yield Difference("tokenizer", locked.tokenizer, found.tokenizer)
    if locked.base and found.base and locked.base != found.base:
        yield Difference("base", locked.base, found.base)
    both = locked.weights.keys() & found.weights.keys()
    if "lora" in both and None not in (locked.lora_scale, found.lora_scale):
        yield from _unequal("lora_scale", locked.lora_scale, found.lora_scale)
    for part in sorted(both):
        yield from _unequal("weights", {part: locked.weights[part]}, {part: found.weights[part]})


def _unequal(at: str, locked: Any, found: Any) -> Iterator[Difference]:
    """The leaves in which two JSON-like values differ, among the keys that `locked` has."""
    if isinstance(locked, Mapping) and isinstance(found, Mapping):
        for key in sorted(locked):
            yield from _unequal(f"{at}.{key}", locked[key], found.get(key))
    elif _plain(locked) != _plain(found):
        yield Difference(at, locked, found)


def _plain(value: Any) -> Any:
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def _serves(locked: str, found: str) -> bool:
    """Whether a host of API `found` reads what one of API `locked` wrote."""
    (major, minor), (our_major, our_minor) = _numbers(locked), _numbers(found)
    return major == our_major and minor <= our_minor


def _stands_in(locked: str, found: str) -> bool:
    """Whether a plugin's version may stand in for the locked one: a newer compatible release."""
    theirs, ours = _numbers(locked), _numbers(found)
    fixed = 2 if theirs[:1] == (0,) else 1
    return ours[:fixed] == theirs[:fixed] and ours >= theirs


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: `0.1.2.dev3` -> (0, 1, 2)."""
    numbers = []
    for part in version.split("."):
        if not part.isdecimal() or len(part) > 18:  # of a date, at most
            break
        numbers.append(int(part))
    return tuple(numbers)
