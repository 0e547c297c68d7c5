"""What training computes once and keeps: features of media, and states of the language model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from nextgpt_core.assembly.encoders import LiveEncoder
from nextgpt_core.llm.backbone import Backbone
from nextgpt_core.testing import SystemKit, glyph
from nextgpt_core.training.speed import compare_cache
from nextgpt_core.training.start import train
from nextgpt_registry import Catalog, MediaPart, Message
from nextgpt_registry.configfile import Loaded, load_config

WORDS = ("cat", "drum", "blue", "a bell", "two dogs")
RUN = {"steps": 10, "batch": 4, "window": 2, "lr": 0.01, "log_every": 1, "samples": 0, "save_s": 0}


class Glyphs:
    """Dialogues without an end: one of four glyphs is asked about, then one is asked for."""

    def __getitem__(self, number: int) -> Sequence[Message]:
        word = WORDS[number % len(WORDS)]
        part = MediaPart("glyph", glyph(number // 2 % 4), caption=word)
        if number % 2:
            return Message("user", (part, "What is it?")), Message("assistant", (f"It is {word}.",))
        return Message("user", (f"Draw {word}.",)), Message("assistant", ("Here you are: ", part))


def system(folder: Path, stage: str, **given: Any) -> tuple[Loaded, Catalog, str]:
    """The kit's system and its stage, with the settings of `RUN` and those given."""
    kit = SystemKit(folder)
    data = {"target": f"{__name__}:Glyphs", "run": {**RUN, "validate_on": 4, **given}}
    lora = {"r": 2, "targets": ["q_proj", "v_proj"]}
    builder = kit.builder.llm(kit.llm, lora=lora).set(training={stage: data})
    return load_config(builder.config()), builder.catalog, stage


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path / "cache"))


def counted(monkeypatch: pytest.MonkeyPatch, owner: type, method: str) -> list[int]:
    """How many things each call of the method is given; the list grows with the calls."""
    calls: list[int] = []
    call = getattr(owner, method)

    def counting(self: Any, things: Any, **options: Any) -> Any:
        if getattr(self, "probed", True):  # what finds out how a model reads does not count
            calls.append(len(things))
        return call(self, things, **options)

    monkeypatch.setattr(owner, method, counting)
    return calls


def test_each_medium_is_encoded_once_for_all_stages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    media = counted(monkeypatch, LiveEncoder, "encode")

    first = train(*system(tmp_path, "encode"), out=tmp_path / "first")
    train(*system(tmp_path, "instruct"), out=tmp_path / "second", start=first.folder)

    assert sum(media) == 4  # the glyphs there are


def test_where_outputs_alone_are_trained_the_language_model_runs_once_for_a_dialogue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"dialogues": 8, "steps": 12, "validate_on": 0, "precision": "fp32", "clip": 1e9}
    outputs = system(tmp_path, "decode", parts=["output"], **settings)
    signals_too = system(tmp_path, "decode", rates={"signals": 1e-30}, **settings)
    rows = counted(monkeypatch, Backbone, "run")

    alone = train(*outputs, out=tmp_path / "alone")
    few = sum(rows)
    both = train(*signals_too, out=tmp_path / "both")

    assert few <= 4 + 2  # half of the dialogues have media; two passes may share a beginning
    assert sum(rows) - few > 3 * few
    for name in ("output.fc_out.0.weight", "output.fc_out.0.bias"):
        torch.testing.assert_close(
            alone.parts["project.glyph"][name], both.parts["project.glyph"][name], atol=1e-4, rtol=0
        )


def test_output_rows_learn_the_same_from_kept_states(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"dialogues": 8, "steps": 12, "validate_on": 0, "precision": "fp32", "clip": 1e9}
    parts = ["output", "written"]
    kept = system(tmp_path, "decode", parts=parts, **settings)
    whole = system(tmp_path, "decode", parts=[*parts, "input"], rates={"input": 1e-30}, **settings)
    rows = counted(monkeypatch, Backbone, "run")

    alone = train(*kept, out=tmp_path / "alone")
    few = sum(rows)
    both = train(*whole, out=tmp_path / "both")

    assert few <= 8 + 4  # each dialogue once; passes may share a beginning
    assert sum(rows) - few > 3 * few
    assert alone.values["text"] == pytest.approx(both.values["text"], abs=1e-4)
    own, others = alone.parts["signals"], both.parts["signals"]
    torch.testing.assert_close(own["glyph.output"], others["glyph.output"], atol=1e-4, rtol=0)
    assert (own["glyph.output"] - own["glyph.input"]).abs().max() > 0.01
    torch.testing.assert_close(own["glyph.input"], others["glyph.input"], atol=0, rtol=0)


def test_speed_is_measured_with_and_without_cached_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    media = counted(monkeypatch, LiveEncoder, "encode")

    found = compare_cache(*system(tmp_path, "encode"), steps=4)

    assert set(found) == {"without", "with"}
    assert min(found.values()) > 0
    assert sum(media) > 8  # of four glyphs: again and again without the cache, then once
