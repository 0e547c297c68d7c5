"""A plain module in one resumable run: the same bits however often it was killed."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from nextgpt_core.training.average import Average
from nextgpt_core.training.module import Run, train
from nextgpt_registry.errors import Cancelled, TrainingError

STEPS = 9


def drawn(step: int) -> tuple[Tensor, Tensor]:
    x = torch.rand(16, 2, generator=torch.Generator().manual_seed(step))
    return x, x.sum(1, keepdim=True)


class Net(nn.Module):
    """Has a matrix for Muon and a buffer that counts."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.inner, self.norm, self.outer = nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)

    def loss(self, step: int) -> Tensor:
        x, wanted = drawn(step)
        off: Tensor = self.outer(self.norm(self.inner(x))) - wanted
        return off.square().mean()


def trained(run: Run, net: Net | None = None) -> dict[str, Tensor]:
    net = net or Net()
    train(run, "net", net, net.loss, lr=0.02, warmup=2, matrices=[net.inner.weight])
    return dict(net.state_dict())


def lines(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text("utf-8").splitlines()]


def kept(line: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in line.items() if not name.startswith("speed.")}


def test_a_killed_run_goes_on_bit_for_bit(tmp_path: Path) -> None:
    whole = trained(Run(tmp_path / "whole", STEPS, log_every=4))
    net, learn = Net(), Net.loss

    def dies(step: int) -> Tensor:
        if step == 6:
            raise KeyboardInterrupt
        return learn(net, step)

    net.loss = dies  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        trained(Run(tmp_path / "killed", STEPS, log_every=4, save_s=0.0), net)

    resumed = trained(Run(tmp_path / "killed", STEPS, log_every=4))

    assert all(torch.equal(resumed[name], value) for name, value in whole.items())
    assert [*map(kept, lines(tmp_path / "killed"))] == [*map(kept, lines(tmp_path / "whole"))]


def test_a_cancelled_run_is_saved_and_goes_on(tmp_path: Path) -> None:
    whole = trained(Run(tmp_path / "whole", STEPS))
    run = Run(tmp_path / "run", STEPS, cancelled=lambda: run.step == 3)

    with pytest.raises(Cancelled):
        trained(run)
    with Run(tmp_path / "run", STEPS) as again:
        begun = again.begun
        resumed = trained(again)

    assert (run.step, begun, again.step) == (3, True, STEPS)
    assert all(torch.equal(resumed[name], value) for name, value in whole.items())


def test_samples_see_the_average_which_the_module_ends_with(tmp_path: Path) -> None:
    net, seen = Net(), []
    run = Run(tmp_path, STEPS, sample_s=0.0)

    train(run, "net", net, net.loss, lr=0.1, sample=lambda: seen.append(net.outer.weight.clone()))

    assert len(seen) == STEPS
    assert torch.equal(seen[-1], net.outer.weight)
    steps = [(one - other).abs().max() for one, other in pairwise(seen)]
    assert all(0 < step < 0.1 for step in steps)


def test_a_loss_in_parts_is_their_sum_and_each_is_logged(tmp_path: Path) -> None:
    net = Net()

    values = train(
        Run(tmp_path, 2, log_every=1),
        "net",
        net,
        lambda step: {"fit": net.loss(step), "small": net.outer.weight.square().sum()},
        lr=0.01,
        decay=0,
    )

    assert values["loss"] == pytest.approx(values["fit"] + values["small"])
    assert {"loss", "fit", "small", "rate", "gradient"} <= lines(tmp_path)[0].keys()


def test_what_cannot_go_on_says_so(tmp_path: Path) -> None:
    net = Net()
    trained(Run(tmp_path / "run", 3))
    nothing = torch.tensor(float("nan"), requires_grad=True)

    with pytest.raises(TrainingError, match="holds a run of 3 steps, 2 are asked for"):
        trained(Run(tmp_path / "run", 2))
    with pytest.raises(TrainingError, match="the loss is nan"):
        train(Run(tmp_path / "nan", 2), "net", net, lambda step: nothing, lr=0.1)
    with (
        Run(tmp_path / "run", 3),
        pytest.raises(TrainingError, match="another process trains in this folder"),
    ):
        trained(Run(tmp_path / "run", 3))


def test_an_average_begins_quickly() -> None:
    net = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(net.weight)
    average = Average(net, 0.999)
    nn.init.ones_(net.weight)

    average.update(0)
    assert average.values["weight"].item() == pytest.approx(0.9)  # a tenth is kept of the first
    average.update(1_000_000)
    assert average.values["weight"].item() == pytest.approx(0.9001)
