"""Projections from an encoder's features to tokens of the language model.

Know nothing about modalities. Legend: B batch, T tokens in, O tokens out, W width of the encoder,
D width of the language model. Order inside the features is made known where the output would
otherwise not depend on it.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from nextgpt_registry.errors import ShapeError
from nextgpt_registry.projections import LinearOptions, MlpOptions


class InputProjection(nn.Module):
    """Features (B, T, W) -> (B, O, D); `tokens` is O for the most tokens the encoder gives."""

    def __init__(self, module: nn.Module, tokens_of: Callable[[int], int], *, tokens: int) -> None:
        super().__init__()
        self.map = module
        self.tokens = tokens_of(tokens)
        self._tokens_of = tokens_of

    def tokens_of(self, tokens: int) -> int:
        """O for a medium that has `tokens` features."""
        return self._tokens_of(tokens)

    def forward(self, x_BTW: Tensor, mask_BT: Tensor | None = None) -> Tensor:
        """Features and, for encoders of varying length, which of them are real.

        Where O depends on T, what comes of padding stands last, for the caller to cut off.

        Raises:
            ShapeError: the kind gives another number of tokens than it declares.
        """
        x_BOD: Tensor = self.map(x_BTW, mask_BT)
        wanted = (len(x_BTW), self.tokens_of(x_BTW.shape[1]))
        if x_BOD.shape[:2] != wanted:
            raise ShapeError(
                f"projection {type(self.map).__name__}",
                f"gave {tuple(x_BOD.shape)}, wanted {wanted} and the language model's width",
                "correct what its declaration names as `tokens`, or the class",
            )
        return x_BOD


class Linear(nn.Linear):
    """The same matrix for every token: O = T, and order is kept by their places."""

    def __init__(
        self, options: LinearOptions, *, tokens: int, width_in: int, width_llm: int
    ) -> None:
        super().__init__(width_in, width_llm)

    def forward(self, x_BTW: Tensor, mask_BT: Tensor | None = None) -> Tensor:
        """(B, T, W) -> (B, T, D)."""
        return super().forward(x_BTW)


class Mlp(nn.Sequential):
    """The same two matrices for every token, with a GELU between."""

    def __init__(self, options: MlpOptions, *, tokens: int, width_in: int, width_llm: int) -> None:
        hidden = options.hidden or width_llm
        super().__init__(nn.Linear(width_in, hidden), nn.GELU(), nn.Linear(hidden, width_llm))

    def forward(self, x_BTW: Tensor, mask_BT: Tensor | None = None) -> Tensor:
        """(B, T, W) -> (B, T, D)."""
        x_BTD: Tensor = super().forward(x_BTW)  # type: ignore[no-untyped-call]
        return x_BTD
