"""What the loss of a step is made of: its parts, their weights, and what they are averaged over."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from nextgpt_core.testing import SystemKit, glyph
from nextgpt_core.testing.toy_parts import Painter
from nextgpt_core.training.start import train
from nextgpt_registry import MediaPart, Message
from nextgpt_registry.configfile import load_config
from nextgpt_registry.protocols import DecodeBatch

RUN = {"steps": 3, "batch": 8, "window": 1, "log_every": 1, "samples": 0, "validate_on": 0}
STILL = {"lr": 1e-30, "weight_decay": 0.0, "precision": "fp32"}
Lines = Callable[..., list[dict[str, float]]]


class Turned:
    """Dialogues without an end, in which a glyph is shown and another one made."""

    def __getitem__(self, number: int) -> Sequence[Message]:
        made = MediaPart("glyph", glyph(number % 5), caption="turned " * (number % 3 + 1))
        return (
            Message("user", (MediaPart("glyph", glyph(number % 4)), "Turn it.")),
            Message("assistant", ("Here: ", made)),
        )


@pytest.fixture
def lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lines:
    """What each step of a run is worth that moves nothing."""
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path / "cache"))
    runs = iter(range(9))

    def lines(**settings: Any) -> list[dict[str, float]]:
        data = {"target": f"{__name__}:Turned", "run": {**RUN, **STILL, **settings}}
        builder = SystemKit(tmp_path).builder.set(training={"decode": data})
        out = tmp_path / f"run-{next(runs)}"
        train(load_config(builder.config()), builder.catalog, "decode", out=out)
        read = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
        return [line for line in read if "loss" in line]

    return lines


def test_the_loss_is_the_sum_of_its_parts_each_with_its_weight(lines: Lines) -> None:
    weights = {"text": 2.0, "alignment": 3.0, "denoising": 0.25}

    found = lines(**weights, alignment_weights={"glyph": 0.5})

    assert len(found) == 3
    for line in found:
        wanted = 2 * line["text"] + 3 * 0.5 * line["alignment"] + 0.25 * line["denoising"]
        assert line["loss"] == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param(["output", "signals"], id="computed in each step"),
        pytest.param(["output", "written"], id="computed once for each dialogue"),
    ],
)
def test_a_step_in_many_passes_is_worth_what_it_is_in_one(lines: Lines, parts: list[str]) -> None:
    whole = lines(parts=parts, denoising=1.0)
    cut = lines(parts=parts, denoising=1.0, pass_tokens=1)

    assert len(whole) == len(cut) == 3
    for one, many in zip(whole, cut, strict=True):
        for name in ("text", "alignment"):
            assert many[name] == pytest.approx(one[name], rel=1e-4)
        assert many["denoising"] == pytest.approx(one["denoising"], rel=0.3)  # of other noise


def test_noise_is_anothers_in_each_dialogue_and_step_and_the_same_in_each_run(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    loss = Painter.denoising_loss

    def watching(self: Painter, media: Any, batch: DecodeBatch) -> Any:
        drawn.extend(generator.initial_seed() for generator in batch.generators)
        return loss(self, media, batch)

    monkeypatch.setattr(Painter, "denoising_loss", watching)
    runs = []
    for seed in (1, 1, 2):
        lines(denoising=1.0, seed=seed)
        runs.append(tuple(drawn))
        drawn.clear()

    first, again, other = runs
    assert len(set(first)) == len(first) == 3 * 8
    assert first == again
    assert set(first).isdisjoint(other)
