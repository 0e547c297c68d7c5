"""Signal states of a language model that does not change, computed once for each dialogue.

Where output projections alone are trained, all that comes before them is fixed: after a dialogue's
first pass a step costs no more than the projections themselves. Legend: S signals, D width.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nextgpt_core.compose import Prompt
from nextgpt_core.model import GroupStates
from nextgpt_core.train.cache import TensorCache


def kept_groups(
    prompts: Sequence[Prompt],
    cache: TensorCache,
    compute: Callable[[Sequence[Prompt]], Sequence[GroupStates]],
    device: torch.device,
) -> list[GroupStates]:
    """The signal groups of a batch, out of `cache` as far as they are there.

    `compute` runs prompts through the language model, those together that are asked about
    together: states made in another company differ by rounding.
    """
    asked = [number for number, prompt in enumerate(prompts) if prompt.groups]

    def make(places: Sequence[int]) -> list[Tensor]:
        made: list[list[Tensor]] = [[] for _ in places]
        with torch.no_grad():
            for group in compute([prompts[asked[place]] for place in places]):
                made[group.prompt].append(group.hidden_SD)
        return [torch.cat(states).float().cpu() for states in made]

    found = cache.get_or_make_together("states", [_name(prompts[n]) for n in asked], make)
    groups = []
    for number, states in zip(asked, found, strict=True):
        slots = prompts[number].groups
        for slot, hidden_SD in zip(slots, states.split([s.count for s in slots]), strict=True):
            ids = prompts[number].ids[slot.start : slot.start + slot.count]
            ids_S = torch.tensor(ids, device=device)
            groups.append(GroupStates(number, slot, hidden_SD.to(device), ids_S))
    return groups


def _name(prompt: Prompt) -> str:
    return hashlib.sha256(repr((prompt.keys, prompt.ids)).encode()).hexdigest()
