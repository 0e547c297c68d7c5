"""Learned queries that read a sequence into a few tokens (Perceiver resampler).

Legend: B batch, T tokens in, O tokens out, W width inside, D width of the language model.
"""

from __future__ import annotations

from torch import Tensor, nn

from nextgpt_core.project.blocks import decoder_stack, learned, padding, start_xavier
from nextgpt_registry.projections import ResamplerOptions

_PLACE = 0.3
"""How large places begin beside normed features: much smaller ones are learned long after *what*
is there, and larger ones long before."""


class Resampler(nn.Module):
    """(B, T, W_in) -> (B, O, D)."""

    def __init__(
        self, options: ResamplerOptions, *, tokens: int, width_in: int, width_llm: int
    ) -> None:
        super().__init__()
        self.fc_in = nn.Linear(width_in, options.width)
        self.norm = nn.LayerNorm(options.width)
        self.place = learned(tokens, options.width, size=_PLACE)
        self.queries = learned(options.tokens, options.width)
        self.layers = decoder_stack(
            options.width,
            heads=options.heads,
            ffn=options.ffn,
            layers=options.depth,
            dropout=options.dropout,
        )
        self.fc_out = nn.Linear(options.width, width_llm)
        start_xavier(self.layers)

    def forward(self, x_BTE: Tensor, mask_BT: Tensor | None = None) -> Tensor:
        """(B, T, W_in), which of them are real -> (B, O, D)."""
        x_BTW = self.norm(self.fc_in(x_BTE)) + self.place[: x_BTE.shape[1]]
        queries_BOW = self.queries.expand(len(x_BTW), -1, -1)
        found_BOW = self.layers(queries_BOW, x_BTW, memory_key_padding_mask=padding(mask_BT))
        x_BOD: Tensor = self.fc_out(found_BOW)
        return x_BOD
