"""Dialogues for training: a picture is shown, something in it is asked for, boxes are the answer.

The addition names them as `nextgpt_boxes.train.data:Dialogues`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from random import Random

from nextgpt_boxes.files import picture_of
from nextgpt_boxes.medium import Box, to_media
from nextgpt_boxes.modality import BOXES
from nextgpt_boxes.train import asked
from nextgpt_boxes.train.asked import Asked
from nextgpt_boxes.train.overlap import Corners
from nextgpt_boxes.train.scenes import Composition, compose, render
from nextgpt_registry.media import Media
from nextgpt_registry.messages import MediaPart, Message
from nextgpt_world.dialogues.wordings import Wording
from nextgpt_world.examples import numbered
from nextgpt_world.library import Library, find_library
from nextgpt_world.scene import noun
from nextgpt_world.split import Split

_EARLIER = 0.2
"""How often the picture was shown a turn before."""
_KEPT = 5
"""Of so many wordings the last is kept from training, for testing paraphrases."""


@dataclass(frozen=True)
class Dialogues:
    """`dialogues[n]` is always the same conversation; they never end.

    On the split `train` nothing held out is in any picture; on `held_out`, every picture has
    something. `library` is a file of mini's art, or `samples`; by default what ships.
    """

    split: Split = "train"
    wording: Wording = "train"
    library: str = ""

    def __getitem__(self, number: int) -> tuple[Message, ...]:
        """The `number`th conversation, of any number that is not negative.

        Raises:
            SourceError: there is no such library.
        """
        rng = numbered(f"boxes {self.split}", number)
        scene = compose(rng, split=self.split, names=self.art.things)
        said = asked.draw(rng, scene)
        picture, corners = render(scene, self.art, rng.getrandbits(63))
        # nothing but the boxes: the language model stands still, new words it would not learn
        answer = Message("assistant", (self._made(scene, said, picture, corners),))
        words = request(said, rng, self.wording)
        if rng.random() < _EARLIER:
            before = Message("user", (MediaPart("image", picture), "What do you see?"))
            return before, Message("assistant", (_seen(scene),)), Message("user", (words,)), answer
        parts: list[str | MediaPart] = [words]
        parts.insert(int(rng.random() < 0.25), MediaPart("image", picture))
        return Message("user", tuple(parts)), answer

    @cached_property
    def art(self) -> Library:
        """The art that pictures are made of."""
        return find_library(self.library)

    def _made(
        self, scene: Composition, said: Asked, picture: Media, corners: Sequence[Corners]
    ) -> MediaPart:
        boxes = [
            Box(label=thing.concept, score=1.0, x0=x0, y0=y0, x1=x1, y1=y1)
            for thing, (x0, y0, x1, y1) in zip(scene.things, corners, strict=True)
            if thing in said.things
        ]
        return MediaPart(BOXES.name, to_media(picture_of(picture), boxes), said.caption)


def request(said: Asked, rng: Random, wording: Wording) -> str:
    """One of several ways to ask for this."""
    words = rng.choice(_wordings(said.kind, wording))
    what = said.caption.removeprefix("the thing ").removeprefix("the ")
    return words.format(n=what, w=what)


@cache
def _wordings(kind: str, wording: Wording) -> tuple[str, ...]:
    text = files("nextgpt_boxes.train").joinpath("wordings.json").read_text(encoding="utf-8")
    told = json.loads(text)[kind]
    kept = wording == "paraphrase"
    return tuple(words for n, words in enumerate(told) if (n % _KEPT == _KEPT - 1) == kept)


def _seen(scene: Composition) -> str:
    *first, last = (noun(scene.picture(thing)) for thing in scene.things)
    told = f"{', '.join(first)} and {last}" if first else last
    return f"{told[0].upper()}{told[1:]}."
