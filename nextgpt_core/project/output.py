"""Projections from signal states of the language model to what drives a decoder.

Each takes the states of one group per item (B, S, D), each with its signal's embedding added, and
gives {condition: (B, T, W)}, one tensor for each condition. Know nothing about modalities.

Legend: B batch, S signals, T tokens and W width of a condition, D width of the language model,
Q queries, H width inside.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from nextgpt_core.project.blocks import decoder_stack, encoder_stack, learned, start_xavier
from nextgpt_registry.projections import LinearOptions, QueryOptions
from nextgpt_registry.specs import Condition


class Query(nn.Module):
    """The paper's: an encoder over the signals, and learned queries that read it.

    The places of the signals need no encoding: each has an embedding of its own. All conditions
    share the transformer and have queries and a last matrix of their own.
    """

    def __init__(
        self,
        options: QueryOptions,
        *,
        width_llm: int,
        signals: int,
        conditions: Sequence[Condition],
    ) -> None:
        super().__init__()
        width = options.width
        stack = {
            "heads": options.heads,
            "ffn": options.ffn,
            "layers": options.layers,
        }
        self.fc_in = nn.Linear(width_llm, width)
        self.encoder = encoder_stack(width, dropout=options.dropout, **stack)
        self.decoder = decoder_stack(width, dropout=options.dropout, **stack)
        start_xavier(self.encoder)
        start_xavier(self.decoder)
        self.queries = learned(sum(c.tokens for c in conditions), width)
        self.fc_out = nn.ModuleList(nn.Linear(width, c.width) for c in conditions)
        self._names = tuple(c.name for c in conditions)
        self._tokens = tuple(c.tokens for c in conditions)

    def forward(self, x_BSD: Tensor) -> dict[str, Tensor]:
        """(B, S, D) -> {condition: (B, T, W)}."""
        memory_BSH = self.encoder(self.fc_in(x_BSD))
        states_BQH = self.decoder(self.queries.expand(len(x_BSD), -1, -1), memory_BSH)
        pieces = states_BQH.split(self._tokens, dim=1)
        named = zip(self._names, self.fc_out, pieces, strict=True)
        return {name: fc(piece_BTH) for name, fc, piece_BTH in named}


class Linear(nn.Module):
    """One matrix per condition; a second one over the places where T is not S."""

    def __init__(
        self,
        options: LinearOptions,
        *,
        width_llm: int,
        signals: int,
        conditions: Sequence[Condition],
    ) -> None:
        super().__init__()
        self.fc_out = nn.ModuleList(nn.Linear(width_llm, c.width) for c in conditions)
        self.places = nn.ModuleList(
            nn.Identity() if c.tokens == signals else nn.Linear(signals, c.tokens, bias=False)
            for c in conditions
        )
        self._names = tuple(c.name for c in conditions)

    def forward(self, x_BSD: Tensor) -> dict[str, Tensor]:
        """(B, S, D) -> {condition: (B, T, W)}."""
        named = zip(self._names, self.fc_out, self.places, strict=True)
        return {name: places(fc(x_BSD).mT).mT for name, fc, places in named}
