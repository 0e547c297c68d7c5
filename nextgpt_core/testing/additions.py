"""The kit for additions: what a plugin offers to trained systems, and the dialogues that teach it.

Each is joined to a tiny system. Nothing is trained, fetched or loaded. Knows no modality.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from nextgpt_core.intake.hooks import check_media
from nextgpt_core.testing.kit import SystemKit
from nextgpt_core.training.numbered import Numbered
from nextgpt_core.training.planned import planned
from nextgpt_core.training.settings import RunSettings, stage_of
from nextgpt_core.training.start import source_of
from nextgpt_registry.additions import Joined, Offer, find_offer, join
from nextgpt_registry.config import TrainingData
from nextgpt_registry.configfile import load_config
from nextgpt_registry.messages import Dialogue, MediaPart, Message
from nextgpt_registry.plan import make_plan
from nextgpt_registry.specs import Addition
from nextgpt_registry.targets import missing
from nextgpt_registry.testing.hashes import other_hashes
from nextgpt_registry.testing.kit import Kit
from nextgpt_registry.testing.verdict import attempt, expect, refuse

_DRAWN = 16


@dataclass(frozen=True)
class _Stage:
    """One stage of an addition, and some of its dialogues."""

    who: str
    data: TrainingData
    settings: RunSettings
    dialogues: Sequence[Dialogue]

    def parts(self, role: str) -> Iterator[MediaPart]:
        """The media of one side."""
        for dialogue in self.dialogues:
            for message in dialogue:
                yield from message.media if message.role == role else ()


_KNOWN: dict[tuple[type, str], Sequence[_Stage]] = {}
"""Drawn once for all tests of an addition: rendering takes time."""


class AdditionTests(Kit):
    """Each addition that the plugin ships."""

    tested: ClassVar[str] = "additions"

    def test_addition_plans(self, spec: Addition, tmp_path: Path) -> None:
        """Names, options, files and stages are there, and each stage can train what it names."""
        who, joined = self._who(spec), self._joined(spec, tmp_path)
        cause = "a name, an option, a file or a setting in the YAML file that nothing declares"
        with attempt(who, "an addition that plans", cause):
            plan = make_plan(joined.loaded, catalog=self.catalog())
            planned(plan, joined.stages)
        expect(
            joined.stages or joined.ready,
            who,
            found="neither stages nor trained parts for all of its channels",
            wanted="`training`, so that it can be added to any system",
            cause="`training` left out, or of another name",
        )

    def test_dialogues_are_numbered(self, spec: Addition, tmp_path: Path) -> None:
        """The same number is the same dialogue, in any order, and in another process."""
        for stage in self._stages(spec, tmp_path):
            numbers = range(len(stage.dialogues))
            with other_hashes(stage.data.target):
                again = self._source(stage.who, stage.data, stage.settings)
                backwards = [again[number] for number in reversed(numbers)][::-1]
            told = [_told(dialogue) for dialogue in stage.dialogues]
            wrong = [n for n in numbers if told[n] != _told(backwards[n])]
            expect(
                not wrong,
                stage.who,
                found=f"another dialogue for the number {wrong[:1]} when it is asked again",
                wanted="the same: a run that was killed goes on with it",
                cause="chance that does not follow from the number, as Random(f'… {number}') does"
                ": hash() of text, a set's order, a generator that goes on",
            )
            expect(
                len(set(told)) > 1 or len(told) == 1,
                stage.who,
                found=f"the same dialogue {len(told)} times",
                wanted="others under other numbers",
                cause="the number is not used",
            )

    def test_dialogues_hold_media_of_their_channels(self, spec: Addition, tmp_path: Path) -> None:
        """Channels exist, media are laid out as their modality says."""
        catalog, channels = self.catalog(), self._joined(spec, tmp_path).loaded.config.modalities
        for stage in self._stages(spec, tmp_path):
            for part in (*stage.parts("user"), *stage.parts("assistant")):
                own = channels.get(part.channel)
                modality = own.modality or part.channel if own else part.channel
                expect(
                    own or modality in catalog.modalities,
                    stage.who,
                    found=f"a medium in the channel {part.channel!r}",
                    wanted=f"one of {', '.join(channels)}, or one that a system may have",
                    cause="a channel that is spelt otherwise in the YAML file",
                )
                if part.media is None:
                    continue
                expect(
                    part.media.modality == modality,
                    stage.who,
                    found=f"a medium of {part.media.modality!r} in the channel {part.channel!r}",
                    wanted=f"one of {modality!r}",
                    cause="the first argument of Media",
                )
                cause = "an array that its own reader would not have made: dtype, shape, range"
                with attempt(stage.who, "media as nextgpt_check_media wants them", cause):
                    check_media(catalog, part.media)

    def test_dialogues_teach_what_their_stage_trains(self, spec: Addition, tmp_path: Path) -> None:
        """Media are shown where input projections learn, made and described where outputs do."""
        new = self._joined(spec, tmp_path).channels
        for stage in self._stages(spec, tmp_path):
            run, parts = stage.settings, set(stage.settings.parts)
            shown = [part for part in stage.parts("user") if part.channel in new]
            made = [part for part in stage.parts("assistant") if part.channel in new]
            silent = [d for d in stage.dialogues if all(m.role != "assistant" for m in d)]
            lacks = ""
            if silent:
                lacks = "an answer"
            elif any(part.media is None for part in stage.parts("user")):
                lacks = "the media that a user gives"
            elif "input" in parts and not shown:
                lacks = "media that are shown to its input projection"
            elif run.matching and not all(part.caption for part in shown):
                lacks = "captions of the media that are shown (matching)"
            elif parts & {"output", "signals"} and not run.matching and not made:
                lacks = "media in answers"
            elif "output" in parts and run.alignment and not all(part.caption for part in made):
                lacks = "captions of the media in answers (alignment)"
            elif run.denoising and any(part.media is None for part in made):
                lacks = "the media themselves in answers (denoising)"
            expect(
                not lacks,
                stage.who,
                found=f"{len(stage.dialogues)} dialogues without {lacks}",
                wanted=f"what teaches {', '.join(stage.settings.parts)}",
                cause="the options of the stage, or a MediaPart without caption or medium",
            )

    # what is tested

    def _joined(self, spec: Addition, folder: Path) -> Joined:
        """The addition on a tiny system that has data to rehearse."""
        catalog = self.catalog()
        cause = "a file that is not an addition, or names that a system has already"
        with attempt(self._who(spec), "an addition that can be read", cause):
            offer = find_offer(spec.name, catalog=catalog)
        for component in self._components(offer):
            if absent := missing(component.requires):
                pytest.skip(f"{component.name} needs {', '.join(absent)}")
        manifests = [plugin.manifest for plugin in catalog.plugins]
        licences = {c.licence for m in manifests for c in (*m.encoders, *m.decoders)}
        system = (
            SystemKit(folder, plugins={}, channels={})
            .builder.set(accept_licences=sorted(licences))
            .set(training={"instruct": {"target": f"{__name__}:small_talk"}})
            .config()
        )
        with attempt(self._who(spec), "an addition that joins a system", cause):
            joined = join(load_config(system), offer)
        plugins = tuple(plugin.name for plugin in catalog.plugins)
        return joined.overridden([f"plugins=[{','.join(plugins)}]"])

    def _components(self, offer: Offer) -> Iterator[Any]:
        catalog = self.catalog()
        for name, channel in offer.settings.modalities.items():
            modality = channel.modality or name
            if channel.encoder and channel.encoder.name in catalog.encoders(modality):
                yield catalog.encoder(modality, channel.encoder.name)
            if channel.decoder and channel.decoder.name in catalog.decoders(modality):
                yield catalog.decoder(modality, channel.decoder.name)

    def _stages(self, spec: Addition, folder: Path) -> Sequence[_Stage]:
        key = type(self), spec.name
        if key not in _KNOWN:
            _KNOWN[key] = tuple(self._drawn(spec, folder))
        return _KNOWN[key]

    def _drawn(self, spec: Addition, folder: Path) -> Iterator[_Stage]:
        joined = self._joined(spec, folder)
        for name in joined.stages:
            who = f"{self._who(spec)}, stage {name}"
            with attempt(who, "settings of a stage", "a key of `run` that is none"):
                data, settings = stage_of(joined.loaded.config, name)
            source = self._source(who, data, settings)
            count = min(_DRAWN, source.length or _DRAWN)
            with attempt(who, "dialogues", "a source that raises"):
                dialogues = [source[number] for number in range(count)]
            yield _Stage(who, data, settings, dialogues)

    def _source(self, who: str, data: TrainingData, settings: RunSettings) -> Numbered:
        cause = "a generator or an iterator in place of an object with [number]"
        with attempt(who, "numbered dialogues (NumberedDialogues in protocols.py)", cause):
            return source_of(data, of=settings.dialogues)
        refuse(who, found="nothing", wanted="dialogues", cause=cause)

    def _who(self, spec: Addition) -> str:
        return f"{self.plugin}/{spec.name}"


def small_talk() -> list[Dialogue]:
    """What the tiny system rehearses."""
    return [
        (Message("user", (f"What is {n} and 1?",)), Message("assistant", (f"{n + 1}.",)))
        for n in range(8)
    ]


def _told(dialogue: Dialogue) -> tuple[Any, ...]:
    return tuple(
        (message.role, *(part if isinstance(part, str) else _part(part) for part in message.parts))
        for message in dialogue
    )


def _part(part: MediaPart) -> tuple[str, str, str]:
    return part.channel, part.caption, part.media.sha256 if part.media else ""
