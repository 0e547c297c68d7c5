"""Real media for comparison: renderings of scenes that nothing was trained on. Judges nothing."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from nextgpt_registry.media import Media
from nextgpt_world.data import Dialogues
from nextgpt_world.library import STYLES
from nextgpt_world.split import Kind, sample_scene


@dataclass(frozen=True)
class Reference:
    """`reference("image", n)`: n held-out pictures of random things, in the decoders' style."""

    library: str = ""

    def __call__(self, kind: Kind, count: int) -> list[Media]:
        """The same media at every call; the first of a larger number are those of a smaller."""
        source = Dialogues("instruct", split="held_out", library=self.library)
        names = source.cast.sounds if kind == "audio" else source.cast.things
        media = []
        for n in range(count):
            rng = Random(f"reference {kind} {n}")
            scene = sample_scene(kind, rng, split="held_out", concept=rng.choice(names))
            media.append(source.render(scene, rng.getrandbits(63), STYLES[0]))
        return media
