"""Systems that channels are added to, and what is added. Knows nothing about the tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
import yaml

from nextgpt_core.model import PARTS
from nextgpt_core.testing import SystemKit, ToyPlugin, glyph
from nextgpt_core.testing.toy import MANIFEST
from nextgpt_core.testing.toy_parts import Painter
from nextgpt_core.training.adding import AdditionResult, add
from nextgpt_registry import Catalog, Manifest, Media, MediaPart, Message, Modality, hookimpl
from nextgpt_registry.additions import find_offer, join
from nextgpt_registry.configfile import load_config
from nextgpt_registry.protocols import DecodeBatch
from nextgpt_registry.specs import Addition

WORDS = ("cat", "drum", "blue", "a bell", "two dogs")
RUN = {"steps": 4, "batch": 4, "window": 2, "lr": 0.01, "log_every": 1, "samples": 0, "save_s": 0}
RUN |= {"validate_on": 2, "workers": 0}
QUERY = {"kind": "query", "options": {"width": 16, "layers": 1, "heads": 2, "ffn": 32}}


class Asked:
    """Dialogues without an end: a medium of a channel is asked about, then asked for."""

    dies_at = 1 << 60

    def __init__(self, channel: str, modality: str = "glyph") -> None:
        self.channel, self.modality = channel, modality

    def __getitem__(self, number: int) -> Sequence[Message]:
        if self.dies_at <= number < 1 << 40:
            raise RuntimeError("killed")
        rng = Random(number)
        word, media = rng.choice(WORDS), Media(self.modality, glyph(rng.randrange(4)).data)
        part = MediaPart(self.channel, media, caption=word)
        if number % 2 and self.channel != "sketch":
            return Message("user", (part, "What is it?")), Message("assistant", (f"It is {word}.",))
        asked = f"Give me a {self.channel} of {word}."
        return Message("user", (asked,)), Message("assistant", ("Here you are: ", part))


class Marker(Painter):
    """Paints marks."""

    def decode(self, batch: DecodeBatch) -> list[Media]:
        return [Media("mark", media.data) for media in super().decode(batch)]


class MarkPlugin:
    """A modality of its own, in and out, and what it adds to a system."""

    @hookimpl
    def nextgpt_manifest(self) -> Manifest:
        [encoder], [decoder] = MANIFEST.encoders, MANIFEST.decoders
        mark = {"modality": "mark"}
        return Manifest(
            summary="marks",
            license="MIT",
            modalities=(Modality(name="mark", summary="m", mime=("x/mark",), suffixes=(".mark",)),),
            encoders=(encoder.model_copy(update=mark | {"licence": "CC-BY-4.0"}),),
            decoders=(
                decoder.model_copy(update=mark | {"target": f"{__name__}:Marker", "takes": ()}),
            ),
            additions=(
                Addition(name="mark", summary="marks in and out", config="marks:addition.yaml"),
            ),
        )


MARK = {
    "modalities": {"mark": {"encoder": "rows", "decoder": "painter", "output_projection": QUERY}},
    "training": {
        "encode": {
            "target": f"{__name__}:Asked",
            "options": {"channel": "mark", "modality": "mark"},
            "run": RUN,
        },
        "decode": {
            "target": f"{__name__}:Asked",
            "options": {"channel": "mark", "modality": "mark"},
            "run": RUN,
        },
    },
}
SKETCH = {
    "modalities": {
        "sketch": {"modality": "glyph", "decoder": "painter", "output_projection": QUERY}
    },
    "training": {
        "decode": {
            "target": f"{__name__}:Asked",
            "options": {"channel": "sketch"},
            "run": RUN,
        }
    },
}
CATALOG = Catalog.of({"toy": ToyPlugin(), "marks": MarkPlugin()})
Train = Callable[..., AdditionResult]


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A saved system that has adapters, a channel and data, none of it at its start."""
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path / "cache"))
    package = tmp_path / "site" / "marks"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "addition.yaml").write_text(yaml.safe_dump(MARK))
    (tmp_path / "sketch.yaml").write_text(yaml.safe_dump(SKETCH))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return saved_base(tmp_path, tmp_path / "base")


def saved_base(folder: Path, out: Path, seed: int = 0) -> Path:
    kit = SystemKit(folder)
    data = {"target": f"{__name__}:Asked", "options": {"channel": "glyph"}, "run": RUN}
    lora = {"r": 2, "targets": ["q_proj", "v_proj"]}
    builder = kit.builder.llm(kit.llm, lora=lora).set(training={"instruct": data})
    with builder.build() as pipeline:
        model = pipeline.system.model
        torch.manual_seed(seed)
        state = model.state_by_part()
        model.rows.load({n: t + 0.01 * torch.randn_like(t) for n, t in state["signals"].items()})
        model.backbone.merged_lora = {
            n: 0.1 * torch.randn_like(t) for n, t in state["lora"].items()
        }
        model.mark_trained(PARTS)
        return pipeline.save(out)


@pytest.fixture
def adding(base: Path, tmp_path: Path) -> Train:
    """Adds an offer to a system, the `base` by default, and writes the new one to `out`."""

    def adding(
        offer: str | Path, *given: str, to: Path = base, out: str = "new", **how: Any
    ) -> AdditionResult:
        joined = join(load_config(to), find_offer(str(offer), catalog=CATALOG))
        return add(joined.overridden(given), CATALOG, out=tmp_path / out, **how)

    return adding


@pytest.fixture
def asked() -> type[Asked]:
    return Asked


@pytest.fixture
def catalog() -> Catalog:
    return CATALOG


@pytest.fixture
def mark() -> dict[str, Any]:
    """What the plugin's addition says."""
    return deepcopy(MARK)


@pytest.fixture
def sketch() -> dict[str, Any]:
    """What `sketch.yaml` says."""
    return deepcopy(SKETCH)


@pytest.fixture
def other(base: Path, tmp_path: Path) -> Path:
    """The base with other adapters."""
    return saved_base(tmp_path, tmp_path / "other", seed=1)
