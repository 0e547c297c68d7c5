"""The addition trains on a small system, whose new channel finds things in the picture shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from nextgpt_boxes.train.data import Dialogues
from nextgpt_core import Pipeline
from nextgpt_core.testing import SystemKit
from nextgpt_core.training.adding import add
from nextgpt_registry import Catalog, Media
from nextgpt_registry.additions import find_offer, join
from nextgpt_registry.configfile import load_config
from nextgpt_registry.errors import RequestError
from nextgpt_registry.fetch.cache import sha256_of
from nextgpt_registry.plan import make_plan

RUN = ("steps=2", "batch=2", "window=1", "workers=0", "validate_on=1", "samples=0", "dialogues=8")
SMALL = [f"training.boxes-decode.run.{one}" for one in RUN]
SMALL += ["training.boxes-decode.options.library=samples"]
EYE = {
    "encoder": {"name": "clip-b32", "options": {"narrow": 16}},
    "input_projection": {
        "kind": "resampler",
        "options": {"tokens": 2, "width": 16, "heads": 2, "ffn": 32},
    },
}


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A saved system that sees pictures, and makes nothing."""
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path / "cache"))
    kit = SystemKit(tmp_path, plugins={"image": None}, channels={"image": EYE})
    with kit.builder.set(accept_licences=["MIT"]).build() as pipeline:
        pipeline.system.model.mark_trained(["input"])
        return pipeline.save(tmp_path / "base")


@pytest.mark.slow
def test_a_system_that_sees_learns_to_answer_with_boxes(base: Path, tmp_path: Path) -> None:
    catalog = Catalog.discover(["image", "boxes"])
    joined = join(load_config(base), find_offer("boxes", catalog=catalog)).overridden(SMALL)

    added = add(joined, catalog, out=tmp_path / "with-boxes")

    assert [run.folder.name for run in added.runs] == ["boxes-decode"]
    kept = "project.image.safetensors"
    assert sha256_of(added.folder / kept) == sha256_of(base / kept)
    assert make_plan(str(added.folder)).channels["boxes"].decoder is not None
    picture = Dialogues(library="samples")[0][0].media[0].media
    assert picture is not None
    with Pipeline.from_pretrained(added.folder) as pipeline:
        answer = pipeline.chat([Media("image", picture.data), "Where is it?"], require={"boxes": 1})
        with pytest.raises(RequestError, match="made of image, and the conversation has none"):
            pipeline.chat("Where is the cat?", require={"boxes": 1})
    [made] = answer.media
    assert (made.channel, made.media.modality) == ("boxes", "boxes")
