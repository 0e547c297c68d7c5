"""Training: which parts move, that a killed run goes on bit for bit, and what a folder holds."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import pytest
import torch
from accelerate import Accelerator
from torch import Tensor

from nextgpt_core.assembly.stages import STAGES
from nextgpt_core.testing import SystemKit, ToyPlugin, glyph
from nextgpt_core.testing.toy import MANIFEST
from nextgpt_core.testing.toy_parts import Painter
from nextgpt_core.training.folder import read_parts
from nextgpt_core.training.start import TrainingResult, train
from nextgpt_registry import (
    Manifest,
    MediaPart,
    Message,
    NextGPTError,
    TrainingError,
    hookimpl,
)
from nextgpt_registry.configfile import load_config
from nextgpt_registry.protocols import DecodeBatch

WORDS = ("cat", "drum", "blue", "a bell", "two dogs")


class Glyphs:
    """Dialogues without an end, both ways between words and glyphs."""

    def __init__(self, show: bool = True) -> None:
        self.show = show

    def __getitem__(self, number: int) -> Sequence[Message]:
        rng = Random(number)
        word, picture = rng.choice(WORDS), glyph(rng.randrange(4))
        if number % 2:
            return (
                Message("user", (MediaPart("glyph", picture), "What is it?")),
                Message("assistant", (f"It is {word}.",)),
            )
        made = MediaPart("glyph", picture if self.show else None, caption=word)
        return (
            Message("user", (f"Draw {word}.",)),
            Message("assistant", ("Here you are: ", made)),
        )


def few(count: int = 5) -> list[Sequence[Message]]:
    source = Glyphs()
    return [source[n] for n in range(count)]


RUN = {"steps": 6, "batch": 4, "window": 2, "lr": 0.01, "log_every": 1, "samples": 0, "save_s": 0}
Train = Callable[..., TrainingResult]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Trains a stage of the kit's system, with the settings of `RUN` and those given."""
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path / "cache"))

    def run(stage: str = "encode", out: str = "run", **given: Any) -> TrainingResult:
        target = given.pop("target", f"{__name__}:Glyphs")
        start = given.pop("start", None)
        kit = SystemKit(tmp_path)
        data = {"target": target, "run": {**RUN, "validate_on": 4, **given}}
        lora = {"r": 2, "targets": ["q_proj", "v_proj"]}
        builder = kit.builder.llm(kit.llm, lora=lora).set(training={stage: data})
        loaded = load_config(builder.config())
        return train(loaded, builder.catalog, stage, out=tmp_path / out, start=start)

    return run


Parts = Mapping[str, Mapping[str, Tensor]]


def changed(before: Parts, after: Parts) -> set[str]:
    """Which kinds of part differ in at least one bit, or were untrained before."""
    found = set()
    for part, tensors in after.items():
        for name, tensor in tensors.items():
            old = before.get(part, {}).get(name)
            if old is None or not torch.equal(tensor, old):
                found.add(name.partition(".")[0] if part.startswith("project.") else part)
    return found


def losses(folder: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [
        {k: v for k, v in line.items() if not k.startswith("speed")}
        for line in lines
        if "loss" in line
    ]


def test_a_run_learns_what_it_is_shown(run: Train) -> None:
    trained = run("instruct", steps=40, lr=0.02)

    for name, share in (("text", 0.7), ("alignment", 0.9)):
        first, *_, last = [line[name] for line in losses(trained.folder) if name in line]
        assert last < share * first


@pytest.mark.parametrize("stage", STAGES)
def test_exactly_the_parts_of_a_stage_change(run: Train, stage: str) -> None:
    still = run(stage, out="still", lr=1e-30, weight_decay=0.0).parts

    moved = run(stage, out="moved").parts

    assert changed(still, moved) == set(STAGES[stage])
    assert {t.dtype for tensors in moved.values() for t in tensors.values()} == {torch.float32}


def test_a_stage_of_another_name_says_what_it_trains(run: Train) -> None:
    still = run("polish", out="still", parts=["lora"], lr=1e-30, weight_decay=0.0).parts

    moved = run("polish", out="moved", parts=["lora"]).parts

    assert changed(still, moved) == {"lora"}


class Mortal(Glyphs):
    """Ends the run when a dialogue of this number is asked for."""

    dies_at = 1 << 60

    def __getitem__(self, number: int) -> Sequence[Message]:
        if self.dies_at <= number < 1 << 40:
            raise RuntimeError("killed")
        return super().__getitem__(number)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"accumulation": 2, "denoising": 0.5, "log_every": 3, "precision": "bf16"},
        {"optimizer": "muon", "precision": "fp32"},
    ],
)
def test_a_killed_run_goes_on_bit_for_bit(
    run: Train, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    settings = {"target": f"{__name__}:Mortal", "steps": 12, "workers": 0, **settings}
    whole = run("instruct", out="whole", **settings)
    monkeypatch.setattr(Mortal, "dies_at", 32)
    with pytest.raises(TrainingError, match="RuntimeError: killed"):
        run("instruct", out="killed", **settings)
    killed = losses(whole.folder.with_name("killed"))
    monkeypatch.undo()

    resumed = run("instruct", out="killed", **settings)

    assert 0 < len(killed) < len(losses(whole.folder))
    assert losses(resumed.folder) == losses(whole.folder)
    assert changed(whole.parts, resumed.parts) == set()


def test_accumulated_passes_give_the_gradient_of_a_large_one(run: Train) -> None:
    plain = {"steps": 1, "window": 1, "precision": "fp32"}

    large = run("instruct", out="large", batch=8, **plain)
    small = run("instruct", out="small", batch=4, accumulation=2, **plain)
    parts = run("instruct", out="parts", batch=8, pass_tokens=64, **plain)

    [one], [two], [three] = map(losses, (large.folder, small.folder, parts.folder))
    assert two == pytest.approx(one, rel=1e-4)
    assert three == pytest.approx(one, rel=1e-4)


def test_muon_moves_every_direction_of_a_matrix_alike(run: Train) -> None:
    still = run("decode", out="still", lr=1e-30, weight_decay=0.0).parts["project.glyph"]
    name = "output.fc_out.0.weight"

    spread = {}
    for optimizer in ("adamw", "muon"):
        moved = run("decode", out=optimizer, optimizer=optimizer, steps=1, window=1).parts[
            "project.glyph"
        ]
        values = torch.linalg.svdvals(moved[name] - still[name])
        spread[optimizer] = float(values[0] / values[-1])

    assert spread["muon"] < spread["adamw"] / 3


def test_a_stage_starts_from_the_parts_of_another(run: Train) -> None:
    first = run("encode", out="first")

    second = run("decode", out="second", start=first.folder)

    before = read_parts(first.folder)
    assert changed(before, second.parts) == {"output", "signals"}


def test_other_settings_in_the_same_folder_are_refused(run: Train) -> None:
    run("encode")

    with pytest.raises(TrainingError, match=r"settings\.lr: 0\.01, now 0\.02"):
        run("encode", lr=0.02)


def test_a_finished_run_can_be_made_longer(run: Train) -> None:
    run("encode", steps=2)

    longer = run("encode", steps=4)

    assert longer.steps == 4
    assert [line["step"] for line in losses(longer.folder)] == [1, 2, 3, 4]


def test_kept_states_serve_a_run_that_goes_on(run: Train) -> None:
    settings = {"parts": ["output"], "dialogues": 16, "decay": "none", "warmup": 0}
    whole = run("decode", out="whole", steps=12, **settings)
    run("decode", out="cut", steps=7, **settings)

    resumed = run("decode", out="cut", steps=12, **settings)

    assert losses(resumed.folder) == losses(whole.folder)
    assert changed(whole.parts, resumed.parts) == set()


def test_a_plain_list_is_gone_through_in_ever_new_orders(run: Train) -> None:
    trained = run("encode", target=f"{__name__}:few", steps=4)

    assert trained.steps == 4


def test_samples_are_shown_as_a_page_with_media(run: Train) -> None:
    trained = run("encode", samples=2, precision="bf16")

    page = (trained.folder / "samples" / "step-000006.html").read_text()
    assert "What is it?" in page
    assert (trained.folder / "config.yaml").is_file()
    assert (trained.folder / "nextgpt.lock.json").is_file()
    assert list((trained.folder / "tensorboard").iterdir())


def test_an_unknown_channel_is_told_with_those_there_are(run: Train) -> None:
    with pytest.raises(TrainingError, match=r"smell: is no channel .* \(its channels: glyph\)"):
        run("encode", channels=["smell"])


def test_a_weight_of_an_unknown_channel_is_told(run: Train) -> None:
    with pytest.raises(TrainingError, match=r"smell: is no channel"):
        run("decode", alignment_weights={"smell": 2})


def test_a_channels_alignment_has_a_form_and_a_weight_of_its_own(run: Train) -> None:
    still = {"lr": 1e-30, "weight_decay": 0.0, "text": 0.0, "alignment_form": "norm"}

    plain = losses(run("decode", out="plain", **still).folder)
    double = losses(run("decode", out="double", **still, alignment_weights={"glyph": 2}).folder)

    aligned = [(a, b) for a, b in zip(plain, double, strict=True) if "alignment" in a]
    assert aligned
    for once, twice in aligned:
        assert twice["alignment"] == pytest.approx(once["alignment"])
        assert twice["loss"] == pytest.approx(2 * once["loss"])


def test_output_rows_are_not_trained_on_nothing(run: Train) -> None:
    with pytest.raises(TrainingError, match=r"written: is learned from the text alone"):
        run("decode", parts=["output", "written"], text=0.0)


def test_a_run_may_name_the_channels_that_it_trains(run: Train) -> None:
    still = run("instruct", out="still", lr=1e-30, channels=["glyph"], weight_decay=0.0)

    moved = run("instruct", out="moved", channels=["glyph"])

    assert changed(still.parts, moved.parts) == {"input", "output", "signals"}
    assert "lora" not in moved.parts


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"rehearsal": 0.5, "channels": ["glyph"]}, "has no data of other channels"),
        ({"stage": "polish"}, "does not say what it trains"),
        ({"lr": -1}, r"training\.encode\.run\.lr"),
        ({"max_tokens": 3}, "of 8 dialogues 0 have at most 3"),
        ({"target": f"{__name__}:few", "window": 2, "batch": 1, "bacth": 2}, "bacth"),
    ],
)
def test_what_is_wrong_is_told(run: Train, given: dict[str, Any], told: str) -> None:
    with pytest.raises(TrainingError, match=told):
        run(given.pop("stage", "encode"), **given)


def test_metrics_hold_the_last_losses_and_speeds(run: Train) -> None:
    trained = run("instruct", samples=0)

    told = json.loads((trained.folder / "metrics.json").read_text())
    assert told["step"] == 6
    assert {"loss", "validation.loss", "speed.dialogues_per_s", "speed.cached"} <= set(told)
    assert told["speed.seconds_per_step"] > 0
    assert {name: told[name] for name in trained.metrics} == trained.metrics


def test_several_processes_are_refused(run: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Accelerator, "num_processes", 2)

    with pytest.raises(TrainingError, match="launched as 2 processes"):
        run("encode")


class Failing(Painter):
    """A decoder that fails where it is asked in training, in one way or another."""

    ways: ClassVar[dict[str, Any]] = {}

    def caption_targets(self, captions: Sequence[str]) -> dict[str, Tensor]:
        return self._do("caption_targets", super().caption_targets(captions))

    def denoising_loss(self, media: Any, batch: DecodeBatch) -> Tensor:
        return self._do("denoising_loss", super().denoising_loss(media, batch))

    def _do(self, method: str, right: Any) -> Any:
        return self.ways[method](right) if method in self.ways else right


class FailingToy(ToyPlugin):
    """Glyphs, drawn by `Failing`."""

    @hookimpl
    def nextgpt_manifest(self) -> Manifest:
        [decoder] = MANIFEST.decoders
        own = decoder.model_copy(update={"target": f"{__name__}:Failing"})
        return MANIFEST.model_copy(update={"decoders": (own,)})


def broken(right: Any) -> Any:
    raise KeyError("odd")


@pytest.mark.parametrize(
    ("method", "way", "says"),
    [
        ("caption_targets", broken, r"toy/painter: KeyError: 'odd'"),
        ("caption_targets", lambda right: None, "toy/painter: TypeError"),
        ("caption_targets", lambda right: {"text": right["text"] * math.nan}, "no numbers"),
        ("denoising_loss", broken, r"toy/painter: KeyError: 'odd'"),
        ("denoising_loss", lambda right: right.mean(), r"its denoising loss: found \(\)"),
        ("denoising_loss", lambda right: right * math.nan, "toy/painter: its denoising loss: "),
    ],
)
def test_a_decoder_that_fails_in_training_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, way: Any, says: str
) -> None:
    monkeypatch.setitem(Failing.ways, method, way)
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path / "cache"))
    plugin = FailingToy()
    run = {"steps": 1, "batch": 2, "window": 1, "denoising": 1.0, "samples": 0, "validate_on": 0}
    data = {"target": f"{__name__}:Glyphs", "run": run}
    builder = SystemKit(tmp_path, plugins={"toy": plugin}).builder.set(training={"decode": data})

    with pytest.raises(NextGPTError, match=says) as caught:
        train(load_config(builder.config()), builder.catalog, "decode", out=tmp_path / "run")
    assert str(caught.value).startswith("toy/painter: ")
