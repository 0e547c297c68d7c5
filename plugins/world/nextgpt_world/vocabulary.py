"""The words of the embedded world, from `vocabulary.json`. Draws and sounds nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Vocabulary:
    """Every word a scene can be made of; order is fixed, classifiers number by it."""

    objects: tuple[str, ...]
    plurals: dict[str, str]
    emoji: dict[str, str]
    sounds: tuple[str, ...]
    sound_sources: dict[str, str]
    colours: dict[str, tuple[int, int, int]]
    counts: tuple[str, ...]
    places: tuple[str, ...]
    sizes: tuple[str, ...]
    motions: tuple[str, ...]
    repetitions: tuple[str, ...]

    @property
    def sounding(self) -> tuple[str, ...]:
        """The objects that also have a sound."""
        return tuple(name for name in self.objects if name in self.sound_sources)

    def words(self, fact: str) -> tuple[str, ...]:
        """The possible answers to a fact: `colour`, `count`, `place`, `size`, `motion`, …"""
        return {
            "object": self.objects,
            "sound": self.sounds,
            "colour": tuple(self.colours),
            "count": self.counts,
            "place": self.places,
            "size": self.sizes,
            "motion": self.motions,
            "repetition": self.repetitions,
        }[fact]


@cache
def vocabulary() -> Vocabulary:
    """The committed vocabulary."""
    text = files("nextgpt_world").joinpath("vocabulary.json").read_text(encoding="utf-8")
    read = json.loads(text)
    return Vocabulary(
        objects=tuple(o["name"] for o in read["objects"]),
        plurals={o["name"]: o["plural"] for o in read["objects"]},
        emoji={o["name"]: o["emoji"] for o in read["objects"]},
        sounds=tuple(s["name"] for s in read["sounds"]),
        sound_sources={s["name"]: s["source"] for s in read["sounds"]},
        colours={name: tuple(rgb) for name, rgb in read["colours"].items()},
        counts=tuple(read["counts"]),
        places=tuple(read["places"]),
        sizes=tuple(read["sizes"]),
        motions=tuple(read["motions"]),
        repetitions=tuple(read["repetitions"]),
    )
