"""States of a language model that does not change, computed once for each dialogue.

Where output projections and the signals' output rows alone are trained, all that comes before them
is fixed: after a dialogue's first pass a step costs no more than they do themselves. For the output
rows this is logistic regression: at a labelled position the fixed state is held against the new
rows, beside the summed weight of everything else that could be written there. It is learned from
as many steps as it takes, and comes closer than a few hundred that go through all layers.
Legend: S signals of all groups of a dialogue, N labelled positions, R trained rows, D width.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from nextgpt_core.features.cache import TensorCache
from nextgpt_core.model import NextGPT
from nextgpt_core.prompt.compose import UNLABELLED, Prompt
from nextgpt_core.training.forward import GroupStates, TrainOutput


@dataclass(frozen=True)
class Labelled:
    """The labelled positions of a batch: what stands still when the next token is written."""

    final_ND: Tensor
    others_N: Tensor  # log of the summed weight of all tokens that are not trained
    label_N: Tensor  # logit of the label, where it is not trained
    labels_N: Tensor


class KeptStates:
    """The states of dialogues by their prompts, in `cache` as far as they are there.

    `channels` are those whose output rows are trained; without any, labelled positions are not
    kept. `run` puts prompts through the language model, those together that are asked about
    together: states made in another company differ by rounding.
    """

    def __init__(
        self,
        model: NextGPT,
        cache: TensorCache,
        run: Callable[[Sequence[Prompt]], TrainOutput],
        *,
        channels: Collection[str] = (),
    ) -> None:
        blocks = [block for block in model.vocabulary.blocks if block.channel in channels]
        ids = [token for block in blocks for token in block.ids]
        self._model, self._cache, self._run = model, cache, run
        self._trained_R = torch.tensor(ids, dtype=torch.long, device=model.backbone.device)
        self._columns_R = self._trained_R - model.vocabulary.base

    def of(self, prompts: Sequence[Prompt]) -> tuple[list[GroupStates], Labelled]:
        """The signal groups of a batch, and its labelled positions."""
        asked = [n for n, p in enumerate(prompts) if p.groups or self._labels(p)]
        names = [_name(prompts[n]) for n in asked]
        kept = self._cache.get_or_make(
            "states", names, lambda places: self._make([prompts[asked[n]] for n in places])
        )
        device, width = self._model.backbone.device, self._model.backbone.width
        groups: list[GroupStates] = []
        labelled = [torch.empty(0, width + 2, device=device)]
        for number, packed in zip(asked, kept, strict=True):
            prompt, at = prompts[number], 0
            states = packed.to(device)
            for slot in prompt.groups:
                ids_S = torch.tensor(prompt.ids[slot.start : slot.start + slot.count]).to(device)
                hidden_SD = states[at : at + slot.count, :width]
                groups.append(GroupStates(number, slot, hidden_SD, ids_S))
                at += slot.count
            labelled.append(states[at:])
        final_ND, others_N, label_N = torch.cat(labelled).split((width, 1, 1), dim=1)
        labels = [label for n in asked for label in self._labels(prompts[n])]
        labels_N = torch.tensor(labels, dtype=torch.long, device=device)
        return groups, Labelled(final_ND, others_N[:, 0], label_N[:, 0], labels_N)

    def surprise(self, labelled: Labelled) -> Tensor:
        """The summed cross-entropy of the labels, differentiable in the trained output rows."""
        rows_RD = self._model.rows.output[self._columns_R]
        with torch.autocast(rows_RD.device.type, enabled=False):
            logits_NR = self._model.backbone.head.further(labelled.final_ND, rows_RD)
        weights = torch.cat((labelled.others_N[:, None], logits_NR), dim=1).logsumexp(dim=1)
        hit_NR = labelled.labels_N[:, None] == self._trained_R
        label_N = torch.where(hit_NR.any(dim=1), (logits_NR * hit_NR).sum(dim=1), labelled.label_N)
        return (weights - label_N).sum()

    def _labels(self, prompt: Prompt) -> list[int]:
        if not len(self._trained_R):
            return []
        return [label for label in prompt.labels if label != UNLABELLED]

    def _make(self, prompts: Sequence[Prompt]) -> list[Tensor]:
        """(S + N, D + 2) of each: group states, then final states, others and labels."""
        with torch.no_grad():
            output = self._run(prompts)
            made: list[list[Tensor]] = [[] for _ in prompts]
            for group in output.groups:
                made[group.prompt].append(F.pad(group.hidden_SD.float(), (0, 2)).cpu())
            if len(self._trained_R):
                counts = [len(self._labels(prompt)) for prompt in prompts]
                for own, rows in zip(made, self._fixed(output).split(counts), strict=True):
                    own.append(rows.cpu())
        return [torch.cat(rows) for rows in made]

    def _fixed(self, output: TrainOutput) -> Tensor:
        """(N, D + 2): the final states with what the untrained tokens make of them."""
        final_ND = output.final_ND.float()
        with torch.autocast(final_ND.device.type, enabled=False):
            logits_NV = self._model.logits(final_ND).float()
        label_N1 = logits_NV.gather(1, output.labels_N[:, None])
        logits_NV[:, self._trained_R] = float("-inf")
        return torch.cat((final_ND, logits_NV.logsumexp(dim=1, keepdim=True), label_N1), dim=1)


def _name(prompt: Prompt) -> str:
    return hashlib.sha256(repr((prompt.keys, prompt.ids)).encode()).hexdigest()
