"""The optimizer of a run: which updates each part gets, at which rate."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nextgpt_core.training.muon import Muon
from nextgpt_core.training.optimizer import by_part, factor
from nextgpt_core.training.settings import RunSettings

STEADY: dict[str, Any] = {"warmup": 0.0, "decay": "none", "lr": 0.1, "weight_decay": 0.1}


def parameters() -> dict[str, nn.Parameter]:
    """The same each time: a matrix and a bias of a projection, and rows of signals."""
    noise = torch.Generator().manual_seed(0)
    shapes = {"matrix": (4, 6), "bias": (6,), "rows": (3, 4)}
    return {name: nn.Parameter(torch.randn(s, generator=noise)) for name, s in shapes.items()}


def gradients(step: int) -> dict[str, Tensor]:
    """Larger in each step, so that only the first ones are not clipped at 10."""
    noise = torch.Generator().manual_seed(step)
    return {
        name: torch.randn(p.shape, generator=noise) * 4**step for name, p in parameters().items()
    }


def moved(settings: RunSettings) -> dict[str, nn.Parameter]:
    own = parameters()
    optimizer = by_part(
        {"output": [own["matrix"], own["bias"]], "signals": [own["rows"]]}, settings
    )
    for step in range(4):
        for name, gradient in gradients(step).items():
            own[name].grad = gradient
        optimizer.step(step)
    return own


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_matrices_of_projections_may_follow_muon_and_all_else_follows_adamw(kind: Any) -> None:
    settings = RunSettings(optimizer=kind, rates={"output": 0.5}, clip=10.0, **STEADY)
    wanted = parameters()
    rows, rest = [wanted["rows"]], [wanted["bias"]]
    (rest if kind == "adamw" else []).append(wanted["matrix"])
    groups = [{"params": rows, "lr": 0.1}, {"params": rest, "lr": 0.05}]
    each: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(groups, betas=(0.9, 0.99), weight_decay=0.1)
    ]
    if kind == "muon":
        each.append(Muon([{"params": [wanted["matrix"]]}], lr=0.05, weight_decay=0.1))
    for step in range(4):
        for name, gradient in gradients(step).items():
            wanted[name].grad = gradient
        nn.utils.clip_grad_norm_(wanted.values(), 10.0)
        for optimizer in each:
            optimizer.step()

    found = moved(settings)

    for name, parameter in wanted.items():
        torch.testing.assert_close(found[name], parameter, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("channels", "stays"), [(None, False), (("glyph",), True)])
def test_rows_that_are_held_do_not_decay(channels: Any, stays: bool) -> None:
    rows = nn.Parameter(torch.ones(3, 4))
    optimizer = by_part({"signals": [rows]}, RunSettings(channels=channels, **STEADY))

    rows.grad = torch.zeros_like(rows)
    optimizer.step(0)

    assert bool((rows == 1).all()) is stays


@pytest.mark.parametrize(
    ("decay", "half", "last"),
    [("none", 1, 1), ("linear", 0.5, 1 / 8), ("cosine", 0.5, (1 - math.cos(math.pi / 8)) / 2)],
)
def test_the_rate_warms_up_and_then_follows_its_decay(decay: Any, half: float, last: float) -> None:
    settings = RunSettings(steps=10, warmup=0.2, decay=decay)

    rates = [factor(step, settings) for step in (0, 1, 2, 6, 9)]

    assert rates == pytest.approx([0.5, 1, 1, half, last])
