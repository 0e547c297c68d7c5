from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import nextgpt_core
from nextgpt_core import Builder, Pipeline, Text
from nextgpt_core.assembly.checkpoint import tokenizer_hash
from nextgpt_core.model import PARTS
from nextgpt_core.testing import SystemKit, ToyPlugin, glyph, tiny_tokenizer
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.configfile import dump_config, load_config
from nextgpt_registry.errors import (
    ConfigError,
    LockError,
    PlanError,
    PluginError,
    RequestError,
    SourceError,
)
from nextgpt_registry.lock import read_lock
from nextgpt_registry.messages import MediaPart

CATALOG = Catalog.of({"toy": ToyPlugin()})
pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def pipeline(kit: SystemKit) -> Iterator[Pipeline]:
    with kit.pipeline() as pipeline:
        yield pipeline


def test_public_names_are_pinned() -> None:
    assert nextgpt_core.__all__ == sorted(nextgpt_core.__all__)
    assert all(hasattr(nextgpt_core, name) for name in nextgpt_core.__all__)
    assert dir(nextgpt_core) == nextgpt_core.__all__
    with pytest.raises(AttributeError, match="Pipelin"):
        nextgpt_core.Pipelin  # noqa: B018


def test_importing_the_package_does_not_import_torch() -> None:
    modules = "sys, nextgpt_core.intake.reading, nextgpt_core.cli.run"
    code = f"import {modules}; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- from config ----------------------------------------------------------------------------------


def test_same_system_from_builder_config_dict_and_file(kit: SystemKit, tmp_path: Path) -> None:
    config = kit.builder.config()
    file = tmp_path / "kit.yaml"
    file.write_text(dump_config(config))
    sources: list[Any] = [config, config.model_dump(exclude_defaults=True), file, str(file)]

    answers = [kit.pipeline().chat("hello")]
    answers += [Pipeline.from_config(s, catalog=CATALOG).chat("hello") for s in sources]

    assert len({answer.ids for answer in answers}) == 1


def test_builder_is_a_base_for_several_systems(kit: SystemKit) -> None:
    base = Builder("kit").llm(kit.llm).plugin("toy", ToyPlugin())
    reads = base.channel("glyph", encoder="rows")
    writes = base.channel("glyph", decoder="painter")

    assert load_config({"llm": {"path": "file:x"}}).config.modalities == {}
    assert base.config().modalities == {}
    assert reads.config().modalities["glyph"].decoder is None
    assert writes.config().modalities["glyph"].encoder is None


def test_system_that_cannot_be_assembled_says_all_that_is_wrong(kit: SystemKit) -> None:
    with pytest.raises(PlanError, match="2 problems"):
        kit.pipeline("modalities.glyph.encoder=row", "modalities.glyph.decoder=paint")


def test_overrides_reach_the_live_system(kit: SystemKit) -> None:
    with kit.pipeline("generation.max_tokens=3", "generation.seed=9") as pipeline:
        answer = pipeline.chat("hello")

    assert len(answer.ids) == 3
    assert answer.seed == 9


def test_channel_may_only_read_or_only_write(kit: SystemKit) -> None:
    reading = dataclasses.replace(kit, channels={"glyph": {"encoder": "rows"}})
    writing = dataclasses.replace(
        kit, channels={"glyph": {"decoder": "painter", "output_projection": "linear"}}
    )
    with reading.pipeline() as pipeline:
        assert pipeline.chat(["see", glyph()]).media == ()
        with pytest.raises(RequestError, match="makes no such media"):
            pipeline.chat("x", require={"glyph": 1})
    with writing.pipeline() as pipeline:
        assert pipeline.chat("x", require={"glyph": 1}).media
        with pytest.raises(RequestError, match="no channel of this system that takes media"):
            pipeline.chat([glyph()])


def test_offloaded_and_half_precision_components(kit: SystemKit) -> None:
    overrides = [
        f"modalities.glyph.{kind}.{setting}"
        for kind in ("encoder", "decoder")
        for setting in ("offload=true", "dtype=bfloat16")
    ]
    with kit.pipeline(*overrides, "llm.dtype=bfloat16") as pipeline:
        answer = pipeline.chat(["hello", glyph()], require={"glyph": 1})

    assert len(answer.media) == 1


def test_text_only_system(kit: SystemKit) -> None:
    with dataclasses.replace(kit, channels={}, plugins={}).pipeline() as pipeline:
        assert [type(p) for p in pipeline.chat("hello").parts] in ([Text], [])


# --- save and load --------------------------------------------------------------------------------


def test_saved_system_answers_alike(kit: SystemKit, tmp_path: Path) -> None:
    settings = "llm.lora={r: 2, targets: [q_proj, v_proj]}"
    with kit.pipeline(settings) as pipeline:
        _shake(pipeline)
        options: Any = {"require": {"glyph": 1}, "deterministic": True}
        before = pipeline.chat(["hello", glyph()], **options)
        folder = pipeline.save(tmp_path / "saved")
        pipeline.save(folder)  # over itself

    with Pipeline.from_pretrained(folder, catalog=CATALOG) as loaded:
        after = loaded.chat(["hello", glyph()], **options)

    assert sorted(path.name for path in folder.iterdir()) == [
        "nextgpt.lock.json",
        "nextgpt.yaml",
        "project.glyph.safetensors",
        "signals.safetensors",
    ]
    assert before.ids == after.ids
    assert before.media[0].media == after.media[0].media
    assert [p.name for p in tmp_path.iterdir()] == ["saved"]


def test_saved_system_moves_and_loses_channels(kit: SystemKit, tmp_path: Path) -> None:
    with kit.pipeline() as pipeline:
        pipeline.system.model.mark_trained(PARTS)
        folder = pipeline.save(tmp_path / "saved", compact=True)
    folder.rename(tmp_path / "moved")

    overrides = ["modalities.glyph=null"]
    with Pipeline.from_pretrained(tmp_path / "moved", *overrides, catalog=CATALOG) as fewer:
        assert fewer.system.model.vocabulary.size == 3  # its ids are kept
        assert fewer.chat("hello").media == ()
    overrides = ["modalities.glyph.decoder=null", "lock=null"]
    with Pipeline.from_pretrained(tmp_path / "moved", *overrides, catalog=CATALOG) as reads:
        assert reads.chat(["hello", glyph()]).media == ()


def test_damaged_part_is_refused(kit: SystemKit, tmp_path: Path) -> None:
    with kit.pipeline() as pipeline:
        pipeline.system.model.mark_trained(PARTS)
        folder = pipeline.save(tmp_path / "saved")
    part = folder / "signals.safetensors"
    data = bytearray(part.read_bytes())
    data[-1] ^= 1
    part.write_bytes(data)

    with pytest.raises((PlanError, SourceError), match="sha256"):
        Pipeline.from_pretrained(folder, catalog=CATALOG)


def test_other_tokenizer_than_the_locked_is_refused(kit: SystemKit, tmp_path: Path) -> None:
    with kit.pipeline() as pipeline:
        folder = pipeline.save(tmp_path / "saved")
    lock = read_lock(folder / "nextgpt.lock.json")
    assert lock.tokenizer == tokenizer_hash(tiny_tokenizer())
    changed = json.loads((folder / "nextgpt.lock.json").read_text()) | {"tokenizer": "0" * 64}
    (folder / "nextgpt.lock.json").write_text(json.dumps(changed))

    with pytest.raises(LockError, match="tokenizer"):
        Pipeline.from_pretrained(folder, catalog=CATALOG)


def test_folder_with_something_else_is_not_overwritten(pipeline: Pipeline, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("all my work")

    with pytest.raises(ConfigError, match="something other"):
        pipeline.save(tmp_path)
    assert os.listdir(tmp_path) == ["thesis.txt"]


@pytest.mark.parametrize(
    ("source", "revision", "said"),
    [
        ("nowhere", None, "no hub repository"),
        ("some/system@v1", "v2", "no hub repository"),
        ("some/system", None, "some/system@main: nobody has asked yet which commit it is"),
        ("some/system", "v1", "some/system@v1: nobody has asked yet which commit it is"),
    ],
)
def test_revision_that_nobody_resolved_needs_a_network(
    source: str,
    revision: str | None,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path))
    monkeypatch.setenv("NEXTGPT_OFFLINE", "1")

    with pytest.raises(SourceError, match=said):
        Pipeline.from_pretrained(source, revision=revision)


def test_folder_has_no_revisions(pipeline: Pipeline, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="'v1' is one of a repository"):
        Pipeline.from_pretrained(pipeline.save(tmp_path / "saved"), revision="v1")


def test_setting_given_as_an_argument_says_how_it_is_written() -> None:
    said = {"max_tokens": 12, "name": "mine", "device_map": "auto"}

    fixes = []
    for name, value in said.items():
        with pytest.raises(ConfigError, match="no argument") as caught:
            Pipeline.from_config("mini", **{name: value})  # type: ignore[arg-type]
        fixes.append(caught.value.fix.partition(": ")[2])

    assert fixes == ["'generation.max_tokens=12'", "'name=mine'", "'KEY.OF.CONFIG=auto'"]


def test_builder_refuses_what_declares_nothing() -> None:
    with pytest.raises(PluginError, match="plugin 'depth': is given as 3, a int"):
        Builder().plugin("depth", 3)
    with pytest.raises(ConfigError, match="system: its name is a int"):
        Builder(3)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="plugins: are set by name"):
        Builder().set(plugins=["depth"])


def test_read_and_write(pipeline: Pipeline, tmp_path: Path) -> None:
    path = pipeline.write(glyph(), tmp_path / "a")
    part = MediaPart("glyph", glyph())

    assert pipeline.write(part, tmp_path / "a") == path

    assert pipeline.read(path) == pipeline.read(str(path)) == MediaPart("glyph", glyph())


def _shake(pipeline: Pipeline) -> None:
    """Change what training would change."""
    state = pipeline.system.model.state_by_part()
    generator = torch.Generator().manual_seed(1)
    shaken = {
        part: {n: t + 0.1 * torch.randn(t.shape, generator=generator) for n, t in tensors.items()}
        for part, tensors in state.items()
        if part != "lora"
    }
    pipeline.system.model.load_by_part(shaken)
