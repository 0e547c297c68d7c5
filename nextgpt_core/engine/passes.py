"""One pass of the language model, and where the states of the sequences in it are. Plans nothing.

Legend: N positions of a pass, T positions of one sequence, D width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nextgpt_core.engine.scheduler import Turn
from nextgpt_core.engine.writing import Writing
from nextgpt_core.llm.backbone import Run
from nextgpt_core.llm.cache import GrowingCache, can_cut
from nextgpt_core.llm.cache import held as positions_held
from nextgpt_core.llm.reading import read_together
from nextgpt_core.llm.slots import Slot, Slots
from nextgpt_core.model import NextGPT


class Passes:
    """Reads on: in slots, where a family's sequences can share a pass, or in one's own cache."""

    def __init__(self, model: NextGPT) -> None:
        self._model = model
        self._slots = Slots() if model.backbone.feeding.together else None
        self._places: dict[Writing, Slot] = {}

    def enter(self, writing: Writing) -> None:
        """Take what a sequence's prefix holds."""
        if self._slots is not None:
            assert isinstance(writing.prefix.cache, GrowingCache)
            self._places[writing] = self._slots.enter(writing.prefix.cache)

    def leave(self, writing: Writing) -> None:
        """Give it back, with all that was read since."""
        prefix = writing.prefix
        if self._slots is not None:
            assert isinstance(prefix.cache, GrowingCache)
            self._slots.leave(self._places.pop(writing), prefix.cache, clear=prefix.broken)

    def read(self, turns: Sequence[Turn[Writing]]) -> list[Run]:
        """One pass over the next positions of each; of one alone, where slots are not for it."""
        backbone, embedded = self._model.backbone, self._embedded(turns)
        if self._slots is not None:
            places = [self._places[turn.who] for turn in turns]
            return read_together(backbone, self._slots, list(zip(places, embedded, strict=True)))
        (turn,), (x_1TD,) = turns, embedded
        prefix = turn.who.prefix
        try:
            return [backbone.run(x_1TD, cache=prefix.cache)]
        except BaseException:
            held = len(prefix.keys)
            if can_cut(prefix.cache) and positions_held(prefix.cache) >= held:
                prefix.cut(held)  # some layers have the new positions, others not
            else:  # or it was being read anew from its beginning
                prefix.broken = True
            raise

    def _embedded(self, turns: Sequence[Turn[Writing]]) -> list[Tensor]:
        """The embeddings (1, T, D) of what each reads next."""
        coming = [turn.who.upcoming(turn.count) for turn in turns]
        written = [len(ids) for ids, x_1TD in coming if x_1TD is None]
        if not written:
            return [x_1TD for _, x_1TD in coming if x_1TD is not None]
        ids_1N = torch.tensor([[i for ids, x in coming if x is None for i in ids]])
        rest = iter(self._model.embed(ids_1N.to(self._model.backbone.device)).split(written, 1))
        return [next(rest) if x_1TD is None else x_1TD for _, x_1TD in coming]
