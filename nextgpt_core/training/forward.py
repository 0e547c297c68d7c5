"""Labelled prompts through the language model: what is lost at each label, and signals' states.

All prompts of a chat begin alike (the system prompt, the user's header): those positions run once
for the batch, with their gradient, and their keys and values serve every row; where the language
model is frozen they serve every batch. The result is that of each prompt alone.
Legend: B batch, T positions after the beginning, D width, H heads, N labelled positions, S signals
of a group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import DynamicCache

from nextgpt_core.model import NextGPT
from nextgpt_core.prompt.compose import (
    FEATURE,
    UNLABELLED,
    FeatureKey,
    GroupSlot,
    Prompt,
    common_prefix,
)

_WORTH = 8  # a shorter beginning is not worth a pass of its own

Starts = dict[tuple[int, ...], list[tuple[Tensor, Tensor]]]
"""Keys and values (1, H, T, D) of each layer, by the ids of a beginning."""


@dataclass(frozen=True)
class GroupStates:
    """The states of one signal group in a batch."""

    prompt: int  # its index in the batch
    slot: GroupSlot
    hidden_SD: Tensor
    ids_S: Tensor


@dataclass(frozen=True)
class TrainOutput:
    """What a batch of labelled prompts comes to, prompt by prompt.

    `losses_N` is the cross-entropy of each of the `labels_N`, which are written from the states
    `final_ND`.
    """

    losses_N: Tensor
    groups: tuple[GroupStates, ...]
    final_ND: Tensor
    labels_N: Tensor


def forward(
    model: NextGPT,
    prompts: Sequence[Prompt],
    features: Mapping[FeatureKey, Tensor],
    *,
    starts: Starts | None = None,
) -> TrainOutput:
    """A batch of labelled prompts -> its losses and the states of its signal groups.

    Beginnings are kept in `starts`, if it is given: they must not change while it is in use.
    """
    alike: dict[int, list[int]] = {}  # a pass rotates all its rows as its longest asks
    for index, prompt in enumerate(prompts):
        alike.setdefault(model.backbone.rotation.regime(len(prompt)), []).append(index)
    if len(alike) <= 1:
        return _forward(model, prompts, features, starts)
    found = [
        (own, _forward(model, [prompts[n] for n in own], features, starts))
        for own in alike.values()
    ]
    return _in_order(prompts, found)


def _in_order(
    prompts: Sequence[Prompt], found: Sequence[tuple[list[int], TrainOutput]]
) -> TrainOutput:
    """Outputs of parts of a batch, each with the places of its prompts, as that of the whole."""
    losses: dict[int, Tensor] = {}
    final: dict[int, Tensor] = {}
    labels: dict[int, Tensor] = {}
    groups: list[GroupStates] = []
    for own, output in found:
        counts = [_labelled(prompts[n]) for n in own]
        losses |= zip(own, output.losses_N.split(counts), strict=True)
        final |= zip(own, output.final_ND.split(counts), strict=True)
        labels |= zip(own, output.labels_N.split(counts), strict=True)
        groups += [replace(group, prompt=own[group.prompt]) for group in output.groups]
    places = range(len(prompts))
    return TrainOutput(
        torch.cat([losses[n] for n in places]),
        tuple(sorted(groups, key=lambda group: group.prompt)),
        torch.cat([final[n] for n in places]),
        torch.cat([labels[n] for n in places]),
    )


def _labelled(prompt: Prompt) -> int:
    """How many of its positions are predicted and labelled; the first is never predicted."""
    return sum(label != UNLABELLED for label in prompt.labels[1:])


def _forward(
    model: NextGPT,
    prompts: Sequence[Prompt],
    features: Mapping[FeatureKey, Tensor],
    starts: Starts | None,
) -> TrainOutput:
    """`forward` in one pass."""
    device = model.backbone.device
    rows = [
        model.embed(torch.tensor(prompt.ids, device=device), prompt.rows(features))
        for prompt in prompts
    ]
    start, cache = 0, None
    if len(prompts) > 1 and model.backbone.feeding.shares_beginnings:
        start = common_start(prompts)
        regime = model.backbone.rotation.regime
        if regime(start) != regime(max(map(len, prompts))):
            start = 0
    if start:
        cache = DynamicCache()  # not the growing one: it writes in place, which has no gradient
        for index, kept in enumerate(_start(model, prompts[0], rows[0][None, :start], starts)):
            # (1, H, T, D) each -> (B, H, T, D)
            cache.update(*(one.expand(len(prompts), -1, -1, -1) for one in kept), index)
        rows = [row_TD[start:] for row_TD in rows]
    lengths = [len(row_TD) for row_TD in rows]
    longest = max(lengths)
    x_BTD = torch.stack([F.pad(row, (0, 0, 0, longest - len(row))) for row in rows])
    mask_BT = None
    if min(lengths) < longest:
        ends_B = torch.tensor(lengths, device=device) + start
        mask_BT = (torch.arange(start + longest, device=device) < ends_B[:, None]).long()
    labels_BT = torch.tensor(
        [
            [*prompt.labels[start:], *[UNLABELLED] * (longest - length)]
            for prompt, length in zip(prompts, lengths, strict=True)
        ],
        device=device,
    )
    output = model(
        inputs_embeds=x_BTD, attention_mask=mask_BT, labels=labels_BT, past_key_values=cache
    )
    groups = tuple(
        GroupStates(
            index,
            slot,
            output.hidden_BTD[index, slot.start - start : slot.start - start + slot.count],
            torch.tensor(prompt.ids[slot.start : slot.start + slot.count], device=device),
        )
        for index, prompt in enumerate(prompts)
        for slot in prompt.groups
    )
    return TrainOutput(output.losses_N, groups, output.final_ND, output.labels_N)


def common_start(prompts: Sequence[Prompt]) -> int:
    """How many positions all prompts have in common before anything is learned or made.

    None, where they are not worth a pass of their own.
    """
    first = prompts[0].keys
    ends = [min(_quiet(prompt), common_prefix(first, prompt.keys)) for prompt in prompts]
    return min(ends) if min(ends) >= _WORTH else 0


def _quiet(prompt: Prompt) -> int:
    """Positions before the one that predicts the first label, and before any signal group."""
    labelled = (n for n, label in enumerate(prompt.labels) if label != UNLABELLED)
    grouped = (slot.start for slot in prompt.groups)
    return max(0, min(next(labelled, len(prompt)), *grouped, len(prompt)) - 1)


def _start(
    model: NextGPT, prompt: Prompt, x_1TD: Tensor, starts: Starts | None
) -> list[tuple[Tensor, Tensor]]:
    """The keys and values of a prompt's beginning (1, T, D), from `starts` if they are there."""
    ids = prompt.ids[: x_1TD.shape[1]]
    keep = starts is not None and FEATURE not in ids
    if starts is not None and ids in starts:
        return starts[ids]
    cache = DynamicCache()
    with torch.set_grad_enabled(torch.is_grad_enabled() and not keep):
        model.backbone.run(x_1TD, cache=cache)
    found = [(layer.keys, layer.values) for layer in cache.layers]
    if starts is not None and keep:
        starts[ids] = found
    return found
