"""Train the caption encoder: the two wordings of a pair must find each other. Resumable.

InfoNCE over the batch (van den Oord et al., 2018) with one hard negative for each pair; and, by a
margin, what is shown counts for more than how many, how, and on what ground.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from nextgpt_registry.errors import TrainingError
from nextgpt_registry.tensors import save_compact
from nextgpt_retrieval.pairs import Pair, pair
from nextgpt_retrieval.text import CaptionEncoder

STEPS = 600
BATCH = 96
TEMPERATURE = 0.07
MARGIN = 0.25
SAVE_EVERY = 50
STATE = "state.pt"

OnStep = Callable[[int, int, float], None]
"""Called as `on_step(done, total, loss)`."""


def train(
    folder: Path,
    weights: Path,
    *,
    steps: int = STEPS,
    lr: float = 3e-3,
    on_step: OnStep = lambda done, total, loss: None,
) -> CaptionEncoder:
    """Train in a folder, or go on with what a killed run left there; write the weights.

    Batches follow from the step's number, so a run that goes on ends where a whole one would.

    Raises:
        TrainingError: the folder holds a run of more steps.
    """
    torch.manual_seed(0)
    encoder = CaptionEncoder()
    optimizer = torch.optim.Adam(encoder.parameters(), lr=lr, betas=(0.9, 0.99))
    first = _resumed(folder, encoder, optimizer)
    if first > steps:
        raise TrainingError(
            str(folder), f"holds a run of {first} steps, {steps} are asked for", "remove it"
        )
    for step in range(first, steps):
        for group in optimizer.param_groups:
            group["lr"] = lr * min(1.0, (step + 1) / 50, (steps - step) / (0.5 * steps))
        value = loss(encoder, batch(step))
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        optimizer.step()
        on_step(step + 1, steps, value.item())
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
            _save(folder, step + 1, encoder, optimizer)
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


def _resumed(folder: Path, encoder: CaptionEncoder, optimizer: torch.optim.Optimizer) -> int:
    path = folder / STATE
    if not path.is_file():
        return 0
    state: dict[str, Any] = torch.load(path, weights_only=True)
    encoder.load_state_dict(state["encoder"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])


def _save(
    folder: Path, step: int, encoder: CaptionEncoder, optimizer: torch.optim.Optimizer
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f".{STATE}.{os.getpid()}"
    state = {"step": step, "encoder": encoder.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(state, aside)
    aside.replace(folder / STATE)
