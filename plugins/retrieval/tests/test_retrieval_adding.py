"""The channel is added to a trained system of twins, answers from a library, and is evaluated."""

from __future__ import annotations

from pathlib import Path

import pytest

from nextgpt_core import Pipeline
from nextgpt_core.evaluation.asking import Asker
from nextgpt_core.testing import SystemKit
from nextgpt_core.training.adding import add
from nextgpt_registry.additions import find_offer, join
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.configfile import load_config
from nextgpt_retrieval.train.suite import retrieval

FEW = {"kind": "resampler", "options": {"tokens": 2, "width": 16, "heads": 2, "ffn": 32}}
ENCODERS = {
    "image": "efficientnet-lite0",
    "audio": "whisper-tiny-en",
    "video": "efficientnet-lite0-frames",
}
RUN = {"steps": 2, "batch": 2, "window": 1, "log_every": 1, "samples": 0, "validate_on": 1}
RUN |= {"workers": 0, "optimizer": "adamw"}


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A saved system that sees, hears and makes nothing."""
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path / "cache"))
    channels = {
        name: {
            "encoder": {"name": encoder, "options": {"layers": 1}},
            "input_projection": FEW,
        }
        for name, encoder in ENCODERS.items()
    }
    kit = SystemKit(tmp_path, plugins=dict.fromkeys((*ENCODERS, "mini")), channels=channels)
    with kit.pipeline() as pipeline:
        return pipeline.save(tmp_path / "base")


@pytest.mark.slow
def test_the_channel_is_trained_and_finds_real_pictures(base: Path, tmp_path: Path) -> None:
    joined = join(load_config(base), find_offer("retrieval"))
    changes = [f"training.{s}.run.{k}={v}" for s in joined.stages for k, v in RUN.items()]
    changes += [f"training.{s}.options.library=samples" for s in joined.stages]
    changes += [f"training.{s}.run.dialogues=4" for s in joined.stages]
    changes += [f"training.{s}.options.drawn=0" for s in joined.stages]
    changes += ["modalities.found.decoder.options.minimum_score=-1.0"]
    changed = joined.overridden(changes)

    added = add(changed, Catalog.discover(changed.loaded.config.plugins), out=tmp_path / "new")

    assert added.channels == ("found",)
    assert [run.folder.name for run in added.runs] == ["retrieval-decode", "retrieval-choose"]
    with Pipeline.from_pretrained(added.folder, untrained=True) as pipeline:
        answer = pipeline.chat("Find a frog.", require={"found": 1}, max_tokens=4)
        [found] = answer.media
        asker = Asker(pipeline, retrieval(library="samples").live_judges())
        results = [asker.ask(p).result for p in retrieval(library="samples").prompts[:4]]
    assert answer.failures == ()
    assert found.media.modality == "image"
    assert found.media.about["source"].endswith(".webp")
    assert Path(found.media.source).is_file()
    assert [r.skipped for r in results] == [""] * 4
    assert len({r.direction for r in results}) >= 3
