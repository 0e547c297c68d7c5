"""What a pass of the model comes to. Legend as in `model.py`; N labelled positions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Output:
    """States of all positions, and what is lost at labelled ones.

    The first position is never predicted: its label counts for nothing.
    """

    hidden_BTD: Tensor  # at the layer that drives decoders
    final_BTD: Tensor  # after the last norm
    to_logits: Callable[[Tensor], Tensor]
    losses_N: Tensor | None = None  # cross-entropies, row by row; none without labels
    labels_N: Tensor | None = None
    final_ND: Tensor | None = None  # the states that predict them

    @property
    def loss(self) -> Tensor | None:
        """The mean cross-entropy of the labelled positions (); None without labels."""
        return None if self.losses_N is None else self.losses_N.mean()

    @cached_property
    def logits(self) -> Tensor:
        """(B, T, V + all signals), computed when they are first asked for."""
        return self.to_logits(self.final_BTD)
