"""Which things and sounds may take part: all of them, or those a small library can render."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from nextgpt_world.library import Library
from nextgpt_world.scene import Scene
from nextgpt_world.split import Kind, Split, sample_scene
from nextgpt_world.vocabulary import vocabulary


@dataclass(frozen=True)
class Cast:
    """The objects with a picture and the concepts with a sound; scenes of one side, or of both."""

    things: tuple[str, ...]
    sounds: tuple[str, ...]
    split: Split | None = None

    @classmethod
    def everyone(cls) -> Cast:
        """The whole vocabulary."""
        return cls(vocabulary().objects, vocabulary().sounds)

    @classmethod
    def of(cls, library: Library) -> Cast:
        """What this library can render."""
        return cls(library.things, tuple(library.sounds))

    @property
    def sounding(self) -> tuple[str, ...]:
        """The things that also have a sound."""
        return tuple(name for name in self.things if name in self.sounds)

    def draw(self, kind: Kind, rng: Random, *, sounding: bool = False) -> Scene:
        """A scene; of a thing that has both a picture and a sound, if need be."""
        names = self.sounds if kind == "audio" else self.things
        concept = rng.choice(self.sounding if sounding else names)
        return sample_scene(kind, rng, split=self.split, concept=concept)
