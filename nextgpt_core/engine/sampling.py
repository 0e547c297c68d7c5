"""From likelihoods to text: a token is drawn, tokens are read as text, text ends at a stop string.

Knows no signals: what it reads are text tokens alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import torch
from torch import Tensor

_UNFINISHED = "\ufffd"
_PATIENCE = 16  # tokens: longer than any character, so that endless broken bytes are passed on


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


class Decodes(Protocol):
    """The one thing asked of a tokenizer."""

    def decode(self, token_ids: list[int], *, skip_special_tokens: bool) -> str:
        """The text of some ids."""


class StopFilter:
    """Passes text on as soon as no stop string can begin in it.

    The stop string that is complete first wins (of several, the longest); it and all after it
    are dropped. What comes out in total does not depend on how the text was cut into pieces.
    """

    def __init__(self, stops: Iterable[str] = ()) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.stopped = False

    def feed(self, piece: str) -> str:
        """The text that is now certain to be kept."""
        if self.stopped:
            return ""
        text = self._held + piece
        start = self._first(text)
        if start is not None:
            self.stopped, self._held = True, ""
            return text[:start]
        keep = len(text) - self._open(text)
        self._held = text[keep:]
        return text[:keep]

    def flush(self) -> str:
        """The text held back for a stop string that did not come."""
        held, self._held = self._held, ""
        return held

    def _first(self, text: str) -> int | None:
        ends = [(at + len(stop), at) for stop in self._stops if (at := text.find(stop)) >= 0]
        return min(ends)[1] if ends else None

    def _open(self, text: str) -> int:
        """How many characters at the end of `text` could be the beginning of a stop string."""
        longest = max((len(stop) for stop in self._stops), default=0) - 1
        for count in range(min(longest, len(text)), 0, -1):
            if any(stop.startswith(text[-count:]) for stop in self._stops):
                return count
        return 0


class TextStream:
    """Whole characters only, stop strings cut out, each text once.

    Tokens are decoded with a few before them, because many tokenizers drop the space before the
    first of what they are given.
    """

    def __init__(self, tokenizer: Decodes, stops: Iterable[str] = ()) -> None:
        self._tokenizer = tokenizer
        self._stops = StopFilter(stops)
        self._ids: list[int] = []
        self._context = 0  # decoding starts here
        self._read = 0  # the text of the ids before this has been passed on

    @property
    def stopped(self) -> bool:
        """Whether a stop string came."""
        return self._stops.stopped

    def feed(self, token: int) -> str:
        """The text that is certain after one more token; often, but not always, that token's."""
        self._ids.append(token)
        new = self._new()
        waited = len(self._ids) - self._read
        if new.endswith(_UNFINISHED) and waited < _PATIENCE:  # more of its bytes may come
            return ""
        self._advance()
        return self._stops.feed(new)

    def flush(self) -> str:
        """The text still held back; an unfinished character is dropped."""
        new = self._new().rstrip(_UNFINISHED)
        self._advance()
        return self._stops.feed(new) + ("" if self.stopped else self._stops.flush())

    def _new(self) -> str:
        before = self._decode(self._ids[self._context : self._read])
        return self._decode(self._ids[self._context :])[len(before) :]

    def _advance(self) -> None:
        self._context, self._read = self._read, len(self._ids)

    def _decode(self, ids: list[int]) -> str:
        return self._tokenizer.decode(ids, skip_special_tokens=True) if ids else ""
