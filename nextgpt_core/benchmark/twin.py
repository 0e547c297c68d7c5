"""The language model's weights as transformers itself has them, and what reading them costs.

Knows no request. Legend: B prompts, T positions.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from nextgpt_core.llm.backbone import Backbone
from nextgpt_core.llm.half import HalfLinear

_READS = 8  # of each way


@torch.no_grad()
def plain_twin(backbone: Backbone) -> PreTrainedModel:
    """transformers' own model of the same weights, in the type that the backbone computes in."""
    own, device = backbone.model, backbone.device
    config = type(own.config).from_dict(own.config.to_dict())  # whose attention is its own choice
    with torch.random.fork_rng(devices=[]):
        twin: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=backbone.dtype)
    for name, parameter in twin.named_parameters():
        module, _, leaf = name.rpartition(".")
        parameter.copy_(getattr(own.get_submodule(module), leaf))
    return twin.to(device).eval()


def padded(prompts: Sequence[Sequence[int]], pad: int) -> dict[str, Tensor]:
    """Prompts of any length as `generate` takes them: (B, T), padded in front."""
    longest = max(map(len, prompts))
    rows = [[pad] * (longest - len(ids)) + [*ids] for ids in prompts]
    mask = [[0] * (longest - len(ids)) + [1] * len(ids) for ids in prompts]
    return {"input_ids": torch.tensor(rows), "attention_mask": torch.tensor(mask)}


def written(made_BT: Tensor, ends: Collection[int]) -> int:
    """How many tokens stand before the end of each row."""
    rows = (row.tolist() for row in made_BT)
    return sum(next((n for n, i in enumerate(row) if i in ends), len(row)) for row in rows)


def bytes_read(backbone: Backbone) -> int:
    """What one token needs of the weights: all but the embedding, whose rows are looked up."""
    total = 0
    for module in backbone.model.modules():
        if isinstance(module, HalfLinear):
            total += 2 * module.in_features * module.out_features
        elif module is not backbone.embedding:
            total += sum(p.numel() * p.element_size() for p in module.parameters(recurse=False))
    return total


class Memory:
    """As many bytes as are to be read, on a device."""

    def __init__(self, count: int, device: torch.device) -> None:
        self._x = torch.ones(max(1, count // 4), device=device)

    def seconds(self) -> float:
        """How long reading all of it takes: the least of some times, in the quicker of two ways."""
        found = []
        for read in (torch.sum, lambda x: torch.dot(x, x)):
            for _ in range(_READS):
                began = time.perf_counter()
                read(self._x).item()
                found.append(time.perf_counter() - began)
        return min(found)
