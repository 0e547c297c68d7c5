"""Encoders and decoders that are built at their first use, for commands that may need none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nextgpt_core import Pipeline
from nextgpt_core.assembly.assemble import assemble
from nextgpt_core.testing import SystemKit, glyph
from nextgpt_core.testing.toy import MANIFEST, ToyPlugin
from nextgpt_registry import Manifest, PluginError, hookimpl, plan_system


class Watching(ToyPlugin):
    """Notes what is built."""

    def __init__(self) -> None:
        self.built: list[str] = []

    @hookimpl
    def nextgpt_component_ready(self, kind: str, name: str, component: Any) -> None:
        self.built.append(f"{kind} {name}")


class Torn(ToyPlugin):
    """Its decoder's class is not there."""

    @hookimpl
    def nextgpt_manifest(self) -> Manifest:
        torn = MANIFEST.decoders[0].model_copy(update={"target": "nextgpt_core.testing:NoSuch"})
        return MANIFEST.model_copy(update={"decoders": (torn,)})


def deferred(folder: Path, plugin: ToyPlugin) -> Pipeline:
    builder = SystemKit(folder, plugins={"toy": plugin}).builder
    planned = plan_system(builder.config(), catalog=builder.catalog)
    return Pipeline(assemble(planned.plan, planned.catalog, defer=True), untrained=True)


def test_a_part_is_built_once_and_when_it_is_used(tmp_path: Path) -> None:
    plugin = Watching()

    with deferred(tmp_path, plugin) as pipeline:
        pipeline.chat("a", max_tokens=2)
        after_text = list(plugin.built)
        pipeline.chat([glyph(1), "a"], max_tokens=2)
        after_input = list(plugin.built)
        for _ in range(2):
            pipeline.chat("a", max_tokens=8, require={"glyph": 1})

    assert after_text == []
    assert after_input == ["encoder rows"]
    assert plugin.built == ["encoder rows", "decoder painter"]


def test_it_answers_as_one_that_was_built_before(tmp_path: Path) -> None:
    kit = SystemKit(tmp_path)
    options: Any = {"max_tokens": 8, "require": {"glyph": 1}, "seed": 3}

    with kit.pipeline() as eager, deferred(tmp_path, ToyPlugin()) as late:
        one, other = (p.chat([glyph(1), "a"], **options) for p in (eager, late))

    assert one.text == other.text
    assert (one.media[0].media.data == other.media[0].media.data).all()


def test_what_cannot_be_built_is_told_when_it_is_needed(tmp_path: Path) -> None:
    with deferred(tmp_path, Torn()) as pipeline:
        assert pipeline.chat("a", max_tokens=2).finish
        answer = pipeline.chat("a", max_tokens=8, require={"glyph": 1})

    assert isinstance(answer.failures[0].error, PluginError)
    assert "has no 'NoSuch'" in str(answer.failures[0].error)
