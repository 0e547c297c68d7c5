"""Several sequences read on in one pass of a backbone. Knows no requests.

Legend: B batch, T positions, D width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nextgpt_core.llm.backbone import Backbone, Run
from nextgpt_core.llm.slots import Slot, Slots
from nextgpt_core.llm.together import Together


def read_together(
    backbone: Backbone, slots: Slots, parts: Sequence[tuple[Slot, Tensor]]
) -> list[Run]:
    """Read embeddings (1, T, D) on into each of some slots; the states of each.

    Only where the backbone's `feeding.together` says so. If it fails, the slots hold what they did.
    """
    given = {id(slot): x_1TD for slot, x_1TD in parts}
    for slot, x_1TD in parts:
        slots.reserve(slot, x_1TD.shape[1])
    like = torch.empty(0, dtype=backbone.dtype, device=backbone.device)
    cache = Together([(slot, x_1TD.shape[1]) for slot, x_1TD in parts], like)
    ordered = [given[id(slot)] for slot in cache.slots]
    run = backbone.run(torch.cat(ordered, dim=1), cache=cache)
    counts = [x_1TD.shape[1] for x_1TD in ordered]
    hidden, final = run.hidden_BTD.split(counts, dim=1), run.final_BTD.split(counts, dim=1)
    found = {id(s): Run(h, f, None) for s, h, f in zip(cache.slots, hidden, final, strict=True)}
    return [found[id(slot)] for slot, _ in parts]
