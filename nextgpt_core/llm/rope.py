"""Where the length of a text changes how its positions are rotated. Knows no model family.

`longrope` (Phi-3) has two sets of frequencies: a text longer than the original length is rotated
with the other set from its first position on. `dynamic` changes its frequencies with every
position past the length the model was made for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from transformers import PreTrainedConfig

_ORIGINAL = "original_max_position_embeddings"
_NEVER = 1 << 30


@dataclass(frozen=True)
class Rotation:
    """The lengths past which every position of a text is rotated in another way."""

    turns: frozenset[int] = frozenset()  # once
    moves: int = _NEVER  # with each position from here on

    @classmethod
    def of(cls, config: PreTrainedConfig) -> Self:
        """What a model's config says of its rotary embeddings."""
        text = config.get_text_config(decoder=True)
        made_for = int(getattr(text, "max_position_embeddings", None) or _NEVER)
        turns, moves = set(), _NEVER
        for kind, rope in _ropes(getattr(text, "rope_parameters", None)):
            if kind == "longrope":
                turns.add(int(rope.get(_ORIGINAL) or getattr(text, _ORIGINAL, None) or made_for))
            elif "dynamic" in kind:
                moves = made_for
        return cls(frozenset(turns), moves)

    def regime(self, length: int) -> int:
        """Equal for lengths whose texts are rotated alike, so that they may share a pass."""
        return sum(length > turn for turn in self.turns) + max(0, length - self.moves)


def _ropes(parameters: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(kind, parameters) of each set: one for all layers, or one for each kind of layer."""
    if not isinstance(parameters, Mapping):
        return
    if "rope_type" in parameters:
        yield str(parameters["rope_type"]), parameters
        return
    for one in parameters.values():
        yield from _ropes(one)
