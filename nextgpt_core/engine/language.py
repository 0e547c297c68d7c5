"""Write an answer token by token, each signal group in one pass. Knows no encoder or decoder.

Legend: B batch, T positions, D width, S signals of a group, V vocabulary with signals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nextgpt_core.answer import Finish
from nextgpt_core.assembly.boundary import check_finite
from nextgpt_core.engine.prefix import Prefix
from nextgpt_core.engine.request import Cancel
from nextgpt_core.engine.sampling import Sampler
from nextgpt_core.engine.turnstile import Turnstile
from nextgpt_core.llm.backbone import Run
from nextgpt_core.llm.cache import can_cut
from nextgpt_core.llm.cache import held as positions_held
from nextgpt_core.llm.head import all_finite, not_finite
from nextgpt_core.model import NextGPT
from nextgpt_core.prompt.positions import FeatureKey, Prompt
from nextgpt_core.signal import Grammar


@dataclass(frozen=True)
class TextToken:
    """One token of text."""

    id: int


@dataclass(frozen=True)
class Group:
    """One whole signal group, and the states its medium is made from."""

    channel: str
    ids: tuple[int, ...]
    hidden_SD: Tensor


@dataclass(frozen=True)
class End:
    """The last piece: nothing more will be written."""

    finish: Finish


Piece = TextToken | Group | End


class Language:
    """The language model of a system, shared by requests: one pass at a time, in turn."""

    def __init__(self, model: NextGPT) -> None:
        self.model = model
        self.turnstile = Turnstile()

    def write(
        self,
        prefix: Prefix,
        prompt: Prompt,
        x_BTD: Tensor,
        *,
        grammar: Grammar,
        sampler: Sampler,
        max_tokens: int,
        stopped: Callable[[], bool],
        cancel: Cancel,
    ) -> Iterator[Piece]:
        """The pieces of an answer.

        `x_BTD` embeds the prompt's positions that `prefix` does not hold; `prefix` grows with
        all that is computed. Whatever ends the answer, groups still required are written first;
        a group is never cut, so an answer may be longer than `max_tokens` by one group and what
        is required.

        Raises:
            Cancelled: between two tokens.
            ShapeError: the model gives numbers that are not finite.
        """
        state, written = grammar.start(), 0
        unfed: tuple[int, ...] = ()  # written, but not yet read by the model
        run = self._extend(prefix, prompt.keys[len(prefix.keys) :], x_BTD)
        finish: Finish = "length"
        while written < max_tokens:
            cancel.check()
            if unfed:
                run, unfed = self._append(prefix, unfed), ()
            logits_V = grammar.mask_(self._logits(run, prefix), state)
            state, ids = grammar.accept(state, sampler.choose(logits_V))
            if not ids:
                yield End("end")
                return
            written += len(ids)
            if self.model.vocabulary.is_signal(ids[0]):
                run = self._append(prefix, ids)
                yield self._group(run, ids, prefix)
                continue
            unfed = ids
            yield TextToken(ids[0])
            if stopped():
                finish = "stop"
                break
        for channel in grammar.missing(state):
            cancel.check()
            ids = self.model.vocabulary.block(channel).ids
            run, unfed = self._append(prefix, unfed + ids), ()
            yield self._group(run, ids, prefix)
        yield End(finish)

    @torch.no_grad()
    def embed(self, prompt: Prompt, features: Mapping[FeatureKey, Tensor], *, start: int) -> Tensor:
        """The prompt from position `start` on, and its projected features (T', D) -> (1, T, D)."""
        ids_BT = torch.tensor([prompt.ids[start:]], device=self.model.backbone.device)
        return self.model.embed(ids_BT, prompt.rows(features, start=start))

    @torch.no_grad()
    def conditions(self, group: Group) -> dict[str, Tensor]:
        """The decoder's conditions {name: (T, W)} of one group.

        Raises:
            ShapeError: not all are numbers.
        """
        ids_BS = torch.tensor([group.ids], device=self.model.backbone.device)
        found = self.model.project_out(group.channel, group.hidden_SD[None], ids_BS)
        for value in found.values():
            check_finite(f"project.{group.channel}", "its output projection", value)
        return {name: value[0] for name, value in found.items()}

    def _append(self, prefix: Prefix, ids: Sequence[int]) -> Run:
        with torch.no_grad():
            ids_BT = torch.tensor([ids], device=self.model.backbone.device)
            return self._extend(prefix, ids, self.model.embed(ids_BT))

    @torch.no_grad()
    def _extend(self, prefix: Prefix, keys: Sequence[object], x_BTD: Tensor) -> Run:
        held = len(prefix.keys)
        with self.turnstile:
            try:
                run = self.model.backbone.run(x_BTD, cache=prefix.cache)
            except BaseException:
                if can_cut(prefix.cache) and positions_held(prefix.cache) >= held:
                    prefix.cut(held)  # some layers have the new positions, others not
                else:  # or it was being read anew from its beginning
                    prefix.broken = True
                raise
        prefix.keys.extend(keys)
        return run

    @torch.no_grad()
    def _logits(self, run: Run, prefix: Prefix) -> Tensor:
        logits_V: Tensor = self.model.logits(run.final_BTD[0, -1])
        if not all_finite(logits_V):
            prefix.broken = True
            raise not_finite(prefix.cache, len(prefix.keys))
        return logits_V

    def _group(self, run: Run, ids: tuple[int, ...], prefix: Prefix) -> Group:
        channel = self.model.vocabulary.channel_of(ids[0])
        hidden_SD = run.hidden_BTD[0, -len(ids) :].clone()
        if not all_finite(hidden_SD):
            prefix.broken = True
            raise not_finite(prefix.cache, len(prefix.keys))
        return Group(channel, ids, hidden_SD)
