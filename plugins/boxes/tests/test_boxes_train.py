"""A run that was killed goes on to the same weights; those that ship find what was held out."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from nextgpt_boxes.cli import app
from nextgpt_boxes.train import bank, finder
from nextgpt_boxes.train.measure import measure
from nextgpt_core.training.module import Run
from nextgpt_world.library import LIBRARY, Library

SAMPLES = Library.samples()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trunk as it is built: this is no test of the published weights."""
    monkeypatch.setattr(finder, "published_trunk", lambda trunk: None)
    monkeypatch.setattr(bank, "SHARD", 4)


@pytest.mark.usefixtures("quick")
def test_a_killed_run_goes_on_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {"steps": 4, "pictures": 4}
    whole = finder.train_finder(SAMPLES, folder=tmp_path / "whole", **few)
    monkeypatch.setattr(finder, "Run", partial(Run, save_s=0.0))
    losses, calls = finder._losses, []

    def dies(*given: object) -> object:
        calls.append(given)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return losses(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(finder, "_losses", dies)
    with pytest.raises(KeyboardInterrupt):
        finder.train_finder(SAMPLES, folder=tmp_path / "killed", **few)

    resumed = finder.train_finder(SAMPLES, folder=tmp_path / "killed", **few)

    assert len(calls) == 5
    one, other = load_file(resumed), load_file(whole)
    assert one.keys() == other.keys()
    assert all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.usefixtures("quick")
def test_training_moves_everything_but_the_trunk(tmp_path: Path) -> None:
    finder.train_finder(SAMPLES, folder=tmp_path, steps=2, pictures=4)

    before = finder.Finder(finder.FinderOptions()).state_dict()
    after = torch.load(tmp_path / "state.pt", weights_only=True)["module"]
    still = {name for name, value in after.items() if torch.equal(value, before[name])}
    trunk = {name for name in before if name.startswith("network.trunk.")}
    assert trunk
    assert still >= trunk
    assert {"text.words.weight", "network.label.weight", "network.film.weight"}.isdisjoint(still)


@pytest.mark.slow
def test_the_shipped_finder_is_right_about_what_was_never_trained_on() -> None:
    shares = measure(Library.load(LIBRARY), 60)

    assert shares["every kind"] >= 0.8


def test_the_command_measures_and_draws_a_sheet(tmp_path: Path) -> None:
    given = ["measure", "--count", "2", "--library", "samples", "--sheet", str(tmp_path / "s.png")]

    said = CliRunner().invoke(app, given)

    assert said.exit_code == 0, said.output
    assert "every kind" in said.stdout
    assert (tmp_path / "s.png").is_file()
