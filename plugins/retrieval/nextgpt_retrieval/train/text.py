"""Train the caption encoder: the two wordings of a pair must find each other. Resumable.

InfoNCE over the batch (van den Oord et al., 2018) with one hard negative for each pair; and, by a
margin, what is shown counts for more than how many, how, and on what ground.
"""

from __future__ import annotations

from math import inf
from pathlib import Path
from random import Random

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from nextgpt_core.training.module import Run, train
from nextgpt_registry.tensors import save_compact
from nextgpt_retrieval.text import CaptionEncoder
from nextgpt_retrieval.train.pairs import Pair, pair

STEPS = 600
BATCH = 96
TEMPERATURE = 0.07
MARGIN = 0.25


def train_text(folder: Path, weights: Path, *, steps: int = STEPS) -> CaptionEncoder:
    """Train in a folder, or go on with what a killed run left there; write the weights.

    Raises:
        TrainingError: the folder holds a run of more steps, or another process trains in it.
    """
    torch.manual_seed(0)
    encoder = CaptionEncoder()
    train(
        Run(folder, steps),
        "caption encoder",
        encoder,
        lambda step: loss(encoder, batch(step)),
        lr=3e-3,
        decay=0,
        warmup=50,
        tail=0.5,
        clip=inf,
        weight_decay=0,
    )
    save_compact(encoder.state_dict(), weights)
    return encoder.eval()


def batch(step: int) -> list[Pair]:
    """The pairs of a step."""
    rng = Random(f"retrieval {step}")
    return [pair(rng) for _ in range(BATCH)]


def loss(encoder: CaptionEncoder, pairs: list[Pair]) -> Tensor:
    """How badly the wordings find each other among all of the batch and the hard negatives."""
    kinds = ("one", "other", "unlike", "near", "far")
    one, other, unlike, near, far = encoder([getattr(p, k) for k in kinds for p in pairs]).chunk(5)
    keys = [p.key for p in pairs]
    same = torch.tensor([[a == b for b in keys] for a in keys]) & ~torch.eye(len(keys)).bool()
    to_others = (one @ other.T / TEMPERATURE).masked_fill(same, float("-inf"))
    to_unlike = one @ unlike.T / TEMPERATURE
    wanted = torch.arange(len(pairs))
    forth = cross_entropy(torch.cat((to_others, to_unlike), 1), wanted)
    back = cross_entropy(to_others.T, wanted)
    ranked = (MARGIN + (one * (far - near)).sum(1)).clamp_min(0).mean()
    return (forth + back) / 2 + ranked
