"""Choose the next token: greedy, or by temperature and nucleus. Knows nothing about grammars."""

from __future__ import annotations

import torch
from torch import Tensor


class Sampler:
    """Draws from its own generator, so that a request's choices depend on its seed alone.

    `top_k` keeps that many of the likeliest ids (None or 0: all), `top_p` of those the likeliest
    that make up so much of the likelihood. A draw takes one number, however many ids there are,
    and looks where it falls among the likelihoods put end to end. So ids that are added behind
    the others, as those of new channels are, and that are hardly likely change next to no draw.
    """

    def __init__(
        self, *, temperature: float, top_p: float, seed: int, top_k: int | None = None
    ) -> None:
        self._temperature = temperature
        self._top_p = top_p
        self._top_k = top_k
        self._generator = torch.Generator("cpu").manual_seed(seed)

    def choose(self, logits_V: Tensor) -> int:
        """(V,), not all -inf -> an id. What may not be chosen is -inf; at temperature 0 the
        likeliest wins."""
        if self._temperature == 0:
            return int(logits_V.argmax())
        # In float64 on the CPU (MPS has none): the same draw on every device and in every dtype.
        logits_V = logits_V.cpu().double()
        if self._top_p == 1 and not self._top_k:
            return self._draw(self._likely(logits_V))
        # By logits and not by likelihoods, which a high temperature makes equal.
        logits_V, order_V = logits_V.sort(descending=True, stable=True)
        p_V = self._likely(logits_V[: self._top_k or None])
        # A token stays if the likelier ones do not yet fill the nucleus; the first always does.
        p_V[1:] = p_V[1:].masked_fill(p_V.cumsum(-1)[:-1] >= self._top_p, 0.0)
        return int(order_V[self._draw(p_V)])

    def _likely(self, logits_V: Tensor) -> Tensor:
        """(V,) -> likelihoods; held against the likeliest, no temperature makes them infinite."""
        return torch.softmax((logits_V - logits_V.max()) / self._temperature, dim=-1)

    def _draw(self, p_V: Tensor) -> int:
        """(V,), not all zero -> an index whose likelihood is not zero."""
        likely_N = p_V.nonzero()[:, 0]
        ends_N = p_V[likely_N].cumsum(-1)
        at_1 = torch.rand(1, generator=self._generator, dtype=torch.float64) * ends_N[-1]
        place = int(torch.searchsorted(ends_N, at_1, right=True))
        return int(likely_N[min(place, len(likely_N) - 1)])  # it may be rounded up to the end
