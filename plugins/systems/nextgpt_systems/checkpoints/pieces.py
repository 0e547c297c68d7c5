"""How a checkpoint's tensors become parts of a system, held against both. Knows no layout."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from nextgpt_registry.errors import SourceError
from nextgpt_registry.tensors import faults

_FLOAT = torch.empty(0)  # the kind of every tensor of a checkpoint
_TOLD = 20  # of each kind of fault: enough to see what is wrong

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Piece:
    """One tensor of a part: a tensor of the checkpoint, or `rows` of it, in its own shape."""

    part: str
    name: str
    key: str  # in the checkpoint
    rows: tuple[int, int] | None = None  # from, to
    shape: Shape | None = None  # default: as it is

    def cut(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """A view of the checkpoint's tensor."""
        tensor = tensors[self.key]
        if self.rows is not None:
            tensor = tensor[slice(*self.rows)]
        return tensor if self.shape is None else tensor.reshape(self.shape)


@dataclass(frozen=True)
class Layout:
    """What a checkpoint must hold, exactly, and what becomes of it."""

    shapes: Mapping[str, Shape]
    pieces: Sequence[Piece]

    @property
    def parameters(self) -> int:
        """How many numbers the checkpoint holds."""
        return sum(prod(shape) for shape in self.shapes.values())

    def check(self, tensors: Mapping[str, Tensor], who: str) -> None:
        """Hold the checkpoint's names, shapes and numbers against the layout.

        Raises:
            SourceError: any is missing, unknown, of another shape, no float or not finite; all
                kinds are listed.
        """
        wrong = [
            *_listed("missing", [key for key in self.shapes if key not in tensors]),
            *_listed("unknown", [key for key in tensors if key not in self.shapes]),
            *_listed("misshapen", list(self._misshapen(tensors))),
            *_listed("without weights", faults(tensors, dict.fromkeys(tensors, _FLOAT))),
        ]
        if wrong:
            raise SourceError(
                who,
                f"is not the checkpoint of this system:{''.join(wrong)}",
                "name the folder of that layout, and the system it was trained in (--system)",
            )

    def parts(self, tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """The parts, one after the other, as views of the checkpoint's tensors."""
        for part in dict.fromkeys(piece.part for piece in self.pieces):
            yield part, {p.name: p.cut(tensors) for p in self.pieces if p.part == part}

    def _misshapen(self, tensors: Mapping[str, Tensor]) -> Iterator[str]:
        for key, wanted in self.shapes.items():
            if key in tensors and tuple(tensors[key].shape) != wanted:
                yield f"{key} is {tuple(tensors[key].shape)}, wanted {wanted}"


def _listed(kind: str, faults: Collection[str]) -> Iterator[str]:
    if not faults:
        return
    yield f"\n  {len(faults)} {kind}:"
    yield from (f"\n    {fault}" for fault in list(faults)[:_TOLD])
    if len(faults) > _TOLD:
        yield f"\n    and {len(faults) - _TOLD} more"
