"""Choose the next token: greedy, or by temperature and nucleus. Knows nothing about grammars."""

from __future__ import annotations

import torch
from torch import Tensor


class Sampler:
    """Draws from its own generator, so that a request's choices depend on its seed alone.

    A draw takes one number, however many ids there are, and looks where it falls among the
    likelihoods put end to end. So ids that are added behind the others, as those of new channels
    are, and that are hardly likely change next to no draw.
    """

    def __init__(self, *, temperature: float, top_p: float, seed: int) -> None:
        self._temperature = temperature
        self._top_p = top_p
        self._generator = torch.Generator("cpu").manual_seed(seed)

    def choose(self, logits_V: Tensor) -> int:
        """(V,) -> an id. What may not be chosen is -inf; at temperature 0 the likeliest wins."""
        if self._temperature == 0:
            return int(logits_V.argmax())
        # In float32 on the CPU: the same draw on every device and in every dtype.
        scaled_V = logits_V.float().cpu() / self._temperature
        p_V = torch.softmax(scaled_V, dim=-1)
        if self._top_p == 1:
            return self._draw(p_V)
        p_V, order_V = p_V.sort(descending=True, stable=True)
        # A token stays if the likelier ones do not yet fill the nucleus: never none stays.
        p_V = p_V.masked_fill(p_V.cumsum(-1) - p_V >= self._top_p, 0.0)
        return int(order_V[self._draw(p_V)])

    def _draw(self, p_V: Tensor) -> int:
        """(V,), not all zero -> an index whose likelihood is not zero."""
        ends_V = p_V.double().cumsum(-1)
        at_1 = torch.rand(1, generator=self._generator, dtype=torch.float64) * ends_V[-1]
        return int(torch.searchsorted(ends_V, at_1, right=True))
