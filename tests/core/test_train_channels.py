"""Training of several channels: what is rehearsed of the others, and what is logged of each."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from nextgpt_core.testing import SystemKit, glyph
from nextgpt_core.training.numbered import UNSEEN
from nextgpt_core.training.start import TrainingResult, train
from nextgpt_registry import MediaPart, Message
from nextgpt_registry.configfile import load_config

TOY = {"modality": "glyph", "encoder": "rows", "decoder": "painter"}
RUN = {"batch": 4, "window": 1, "samples": 0, "validate_on": 0, "log_every": 1, "lr": 1e-30}
Train = Callable[..., TrainingResult]


class Drawn:
    """Dialogues without an end in which one channel draws; which numbers were asked for."""

    channel = "glyph"
    asked: set[int]

    def __init_subclass__(cls) -> None:
        cls.asked = set()

    def __getitem__(self, number: int) -> Sequence[Message]:
        self.asked.add(number)
        part = MediaPart(self.channel, glyph(number % 4), caption=f"a cat and {number % 4} dogs")
        return Message("user", ("Draw it.",)), Message("assistant", ("Here: ", part))


class Instruct(Drawn):
    """What a system is trained on before."""


class Earlier(Drawn):
    """What an earlier addition to it was trained on."""


class Marks(Drawn):
    """Of the channel that is added."""

    channel = "mark"


class Both(Drawn):
    """Three in four draw a glyph, the fourth a mark."""

    def __getitem__(self, number: int) -> Sequence[Message]:
        return Marks()[number] if number % 4 == 3 else super().__getitem__(number)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Trains the last of some stages {name: (source, settings)} of a system of two channels."""
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path / "cache"))

    def run(**stages: tuple[type, dict[str, Any]]) -> TrainingResult:
        training = {
            name.replace("_", "-"): {
                "target": f"{__name__}:{source.__name__}",
                "run": {**RUN, **settings},
            }
            for name, (source, settings) in stages.items()
        }
        builder = SystemKit(tmp_path, channels={"glyph": TOY, "mark": TOY}).builder
        loaded = load_config(builder.set(training=training).config())
        return train(loaded, builder.catalog, [*training][-1], out=tmp_path / "run")

    return run


def test_of_endless_sources_as_many_are_rehearsed_as_keep_the_share(run: Train) -> None:
    run(
        instruct=(Instruct, {}),
        glyph_decode=(Earlier, {"channels": ["glyph"]}),
        mark_decode=(
            Marks,
            {"channels": ["mark"], "rehearsal": 0.5, "dialogues": 13, "steps": 10},
        ),
    )

    probed = {UNSEEN}  # whether there is one so late is asked of what has no end
    assert Marks.asked - probed == set(range(13))
    assert Instruct.asked - probed == Earlier.asked - probed == set(range(7))  # half of 13 each


@pytest.mark.parametrize("pass_tokens", [1, 10_000])
def test_the_alignment_logged_of_a_channel_is_the_mean_of_its_own(
    run: Train, pass_tokens: int
) -> None:
    settings = {"dialogues": 4, "steps": 3, "pass_tokens": pass_tokens}

    trained = run(decode=(Both, settings))

    lines = [json.loads(line) for line in (trained.folder / "log.jsonl").read_text().splitlines()]
    aligned = [line for line in lines if "alignment" in line]
    assert len(aligned) == 3  # steps, each of all four dialogues
    for line in aligned:
        glyphs, marks = line["alignment.glyph"], line["alignment.mark"]
        assert line["alignment"] == pytest.approx(0.75 * glyphs + 0.25 * marks)
        assert glyphs != pytest.approx(marks)
