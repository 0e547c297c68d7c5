"""The kit for live systems: what a plugin ships or declares, on a tiny language model.

Components are their twins, so nothing is fetched. Knows no modality.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from nextgpt_core.answer import Answer
from nextgpt_core.pipeline import Pipeline
from nextgpt_core.testing.kit import SystemKit
from nextgpt_registry.config import Channel
from nextgpt_registry.configfile import load_config
from nextgpt_registry.errors import NextGPTError, PluginError
from nextgpt_registry.lock import differences, read_lock
from nextgpt_registry.plan import make_plan
from nextgpt_registry.specs import Decoder, Encoder
from nextgpt_registry.targets import missing
from nextgpt_registry.testing.kit import Kit
from nextgpt_registry.testing.verdict import attempt, expect

_FEW = {"kind": "resampler", "options": {"tokens": 2, "width": 16, "heads": 2, "ffn": 32}}


@dataclass(frozen=True)
class Tiny:
    """A system made small: its channels, and the plugins they need."""

    name: str
    plugins: Sequence[str]
    channels: Mapping[str, Mapping[str, Any]]
    shipped: bool = False


class SystemTests(Kit):
    """Each system that the plugin ships, and one that has all of its components."""

    tested: ClassVar[str] = "systems"

    @classmethod
    def cases(cls) -> Sequence[Tiny]:
        """The shipped systems, and `NAME-parts` where the plugin declares components."""
        try:
            manifest = cls.catalog().plugin(cls.plugin).manifest
        except PluginError:
            return ()
        shipped = [cls._shipped(system.name) for system in manifest.systems]
        parts = cls._parts((*manifest.encoders, *manifest.decoders))
        return (*shipped, *([parts] if parts.channels else ()))

    def test_system_plans(self, spec: Tiny) -> None:
        """As shipped: names, options, sizes and sources agree, whatever is at hand."""
        if not spec.shipped:
            pytest.skip("declared components are planned by the tests below")
        cause = "a name, an option or a file of weights that the plugins do not declare"
        with attempt(f"{self.plugin}/{spec.name}", "a config that plans", cause):
            plan = make_plan(spec.name)
        expect(
            plan.channels,
            f"{self.plugin}/{spec.name}",
            found="a system without channels",
            wanted="one or more entries under `modalities`",
            cause="a config of the language model alone",
        )

    def test_request_is_answered(self, spec: Tiny, tmp_path: Path) -> None:
        """A medium into every channel, a medium out of every channel, in one conversation."""
        who = f"{self.plugin}/{spec.name}"
        with self._attempt(who), self._pipeline(spec, tmp_path) as pipeline:
            answer = self._ask(spec, pipeline)
        expect(
            not answer.failures,
            who,
            found="; ".join(f"{f.channel}: {f.error}" for f in answer.failures),
            wanted="a medium from every decoder",
            cause="a decoder that fails on what the language model says: see DecoderTests",
        )
        made, wanted = [one.channel for one in answer.media], _sides(spec, "decoder")
        expect(
            sorted(made) == sorted(wanted),
            who,
            found=f"media of {', '.join(made) or 'no channel'}",
            wanted=f"one of each of {', '.join(wanted)}",
            cause="a group of signals that no decoder answers",
        )

    def test_lock_survives_a_round_trip(self, spec: Tiny, tmp_path: Path) -> None:
        """Saved and loaded, it has the same lock and gives the same answer."""
        who = f"{self.plugin}/{spec.name}"
        with self._attempt(who), self._pipeline(spec, tmp_path) as pipeline:
            first = self._ask(spec, pipeline)
            folder = pipeline.save(tmp_path / "saved")
            lock = read_lock(folder / "nextgpt.lock.json")
        with self._attempt(who), Pipeline.from_pretrained(folder, untrained=True) as loaded:
            again = self._ask(spec, loaded)
            loaded.save(tmp_path / "again")
        found = differences(lock, read_lock(tmp_path / "again" / "nextgpt.lock.json"))
        expect(
            not found,
            who,
            found="; ".join(map(str, found)),
            wanted="the same lock",
            cause="a manifest or weights that change from load to load",
        )
        expect(
            len(first.media) == len(again.media),
            who,
            found=f"{len(again.media)} media after loading, {len(first.media)} before",
            wanted="the same kinds of media",
            cause="a channel that is not written down",
        )

    # building

    @classmethod
    def _shipped(cls, name: str) -> Tiny:
        try:
            config = load_config(name, catalog=cls.catalog()).config
            made = {n: cls._channel(n, entry) for n, entry in config.modalities.items()}
        except NextGPTError:  # test_system_plans says why
            return Tiny(name, (), {}, shipped=True)
        plugins = [plugin.partition(">")[0] for plugin in config.plugins]
        return Tiny(name, plugins, {n: c for n, c in made.items() if c}, shipped=True)

    @classmethod
    def _channel(cls, name: str, entry: Channel) -> dict[str, Any]:
        modality = entry.modality or name
        found: dict[str, Any] = {}
        if entry.encoder:
            found |= _side("encoder", cls.catalog().encoder(modality, entry.encoder.name))
        if entry.decoder:
            found |= _side("decoder", cls.catalog().decoder(modality, entry.decoder.name))
        return {"modality": modality, **found} if found else {}

    @classmethod
    def _parts(cls, specs: Sequence[Encoder | Decoder]) -> Tiny:
        catalog, plugins, channels = cls.catalog(), {cls.plugin: None}, {}
        for spec in specs:
            kind = "encoder" if isinstance(spec, Encoder) else "decoder"
            for modality in (spec.modality, *getattr(spec, "takes", ())):
                if modality in catalog.modalities:
                    plugins[catalog.owner(catalog.modalities[modality]).name] = None
            side = _side(kind, spec)
            if side:
                channels[f"{spec.modality}-{kind}-{spec.name}"] = {
                    "modality": spec.modality,
                    **side,
                }
        for encoder in cls._lacking(specs, channels):
            plugins[catalog.owner(encoder).name] = None
            side = {"modality": encoder.modality, **_side("encoder", encoder)}
            channels[f"{encoder.modality}-taken"] = side
        return Tiny(f"{cls.plugin}-parts", list(plugins), channels)

    @classmethod
    def _lacking(
        cls, specs: Sequence[Encoder | Decoder], channels: Mapping[str, Mapping[str, Any]]
    ) -> list[Encoder]:
        """An encoder for each modality that a decoder takes and no channel of them reads."""
        read = {c["modality"] for c in channels.values() if "encoder" in c}
        taken = {name: None for spec in specs for name in getattr(spec, "takes", ())}
        known = [cls.catalog().encoders(name).values() for name in taken if name not in read]
        fit = [[one for one in encoders if _side("encoder", one)] for encoders in known]
        return [encoders[0] for encoders in fit if encoders]

    def _pipeline(self, spec: Tiny, folder: Path) -> Pipeline:
        if not spec.channels:
            pytest.skip("nothing that can be built without weights; see test_system_plans")
        kit = SystemKit(folder, plugins=dict.fromkeys(spec.plugins), channels=spec.channels)
        manifests = [plugin.manifest for plugin in self.catalog().plugins]
        licences = {c.licence for m in manifests for c in (*m.encoders, *m.decoders)}
        return kit.builder.set(accept_licences=sorted(licences)).build(untrained=True)  # of twins

    def _ask(self, spec: Tiny, pipeline: Pipeline) -> Answer:
        given = [
            (name, self.sample(spec.channels[name]["modality"], 0))
            for name in _sides(spec, "encoder")
        ]
        return pipeline.chat(
            ["What is this?", *given],
            require=dict.fromkeys(_sides(spec, "decoder"), 1),
            max_media=len(spec.channels) + 1,
            max_tokens=8,
            seed=1,
            deterministic=True,
        )

    def _attempt(self, who: str) -> Any:
        cause = "a component that fails only in a whole system: see EncoderTests and DecoderTests"
        return attempt(who, "a conversation on a tiny language model", cause)


def _side(kind: str, spec: Encoder | Decoder) -> dict[str, Any]:
    """One side of a channel, on the twin; empty for what cannot be built without weights."""
    if missing(spec.requires) or (spec.weights and not spec.twin):
        return {}
    entry: dict[str, Any] = {kind: {"name": spec.name, "options": dict(spec.twin)}}
    return entry | ({"input_projection": _FEW} if kind == "encoder" else {})


def _sides(spec: Tiny, kind: str) -> list[str]:
    return [name for name, channel in spec.channels.items() if kind in channel]
