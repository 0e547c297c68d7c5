"""Which parts of a model hold what was trained, or loaded, by side and channel. Knows no tensor.

A part is untrained until weights of it were loaded or a step of training has moved it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from nextgpt_registry.plan import Side

Key = tuple[str, str]
"""A side (`input`, `output`, `signals`) and its channel; of other parts the name, and nothing."""

_T = TypeVar("_T")


def keys_of(part: str, names: Iterable[str]) -> set[Key]:
    """What the tensors of a part belong to."""
    return {_key(part, name) for name in names}


def only(state: Mapping[str, Mapping[str, _T]], trained: Iterable[Key]) -> dict[str, dict[str, _T]]:
    """The tensors of what was trained; a part with none of them is left out."""
    wanted = set(trained)
    found = {
        part: {name: value for name, value in tensors.items() if _key(part, name) in wanted}
        for part, tensors in state.items()
    }
    return {part: tensors for part, tensors in found.items() if tensors}


def lacking(
    trained: Iterable[Key], *, inputs: Iterable[str], outputs: Iterable[str], spoken: Iterable[str]
) -> dict[str, tuple[Side, ...]]:
    """By channel: what of it is there and untrained; channels that lack nothing are left out."""
    have = set(trained)
    sides: tuple[tuple[Side, Iterable[str]], ...] = (
        ("input", inputs),
        ("output", outputs),
        ("signals", spoken),
    )
    found: dict[str, tuple[Side, ...]] = {}
    for side, channels in sides:
        for channel in channels:
            if (side, channel) not in have:
                found[channel] = (*found.get(channel, ()), side)
    return found


def _key(part: str, name: str) -> Key:
    kind, _, channel = part.partition(".")
    if kind == "project":
        return name.partition(".")[0], channel
    if part == "signals":
        return part, name.rpartition(".")[0]
    return part, ""
