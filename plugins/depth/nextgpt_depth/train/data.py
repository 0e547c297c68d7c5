"""The dialogues that the channel `depth` is trained with, rendered and numbered. Trains nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Literal

from nextgpt_depth.train.describe import caption
from nextgpt_depth.train.requests import DIRECTIONS, MAKE, TELL, Request, present, request
from nextgpt_depth.train.scenes import DepthRenderer
from nextgpt_depth.train.talk import talk
from nextgpt_registry.media import Media
from nextgpt_registry.messages import MediaPart, Message
from nextgpt_world.dialogues.wordings import Wording
from nextgpt_world.examples import numbered
from nextgpt_world.library import find_library
from nextgpt_world.scene import Picture
from nextgpt_world.scene import caption as picture_caption
from nextgpt_world.split import Split, check_trainable

_DIRECTIONS = {"tell": TELL, "make": MAKE, "both": DIRECTIONS}
RENDERINGS = 3
"""How many renderings of a scene users show: few, so that encoders' features can be cached."""


@dataclass(frozen=True)
class Dialogues:
    """`dialogues[n]` is always the same request and its answer; they never end.

    The task `tell` asks about depth maps, `make` asks for them, `both` does either. On the split
    `train` nothing held out occurs; on `held_out`, every scene has a count or a place that is.
    The share `talk` is of depths and distances, too, and asks for nothing but words. With
    `answer_media` the depth maps of answers are rendered, too. `directions` are those of the
    task, unless fewer are given: for a system without pictures, `depth->text` or `text->depth`.
    """

    task: Literal["tell", "make", "both"] = "both"
    split: Split = "train"
    wording: Wording = "train"
    talk: float = 0.0
    answer_media: bool = False
    directions: Sequence[str] = ()
    library: str = ""

    def __getitem__(self, number: int) -> tuple[Message, ...]:
        """The `number`th request and its answer, of any number that is not negative.

        Raises:
            SourceError: there is no such library.
        """
        rng = numbered(f"depth {self.task} {self.split}", number)
        if self.talk and rng.random() < self.talk:
            said, answer = rng.choice(talk())
            return Message("user", (said,)), Message("assistant", (answer,))
        asked = self.request(rng)
        return self.question(asked, rng.randrange(RENDERINGS)), self._answer(asked, rng)

    def request(self, rng: Random) -> Request:
        """A random request of the task."""
        drawn = request(
            rng.choice(self.directions or _DIRECTIONS[self.task]),
            rng,
            held_out=self.split == "held_out",
            concept=rng.choice(self.renderer.library.things),
            wording=self.wording,
        )
        if self.split == "train":
            check_trainable(drawn.given)
            check_trainable(drawn.asked)
        return drawn

    @cached_property
    def renderer(self) -> DepthRenderer:
        """Of the library."""
        return DepthRenderer(find_library(self.library))

    def question(self, asked: Request, rendering: int) -> Message:
        """What the user says, with the medium that is shown, if any."""
        kind = asked.direction.partition("->")[0]
        if kind == "text":
            return Message("user", (asked.words,))
        return Message("user", (self._part(kind, asked.given, rendering), asked.words))

    def medium(self, kind: str, scene: Picture, rendering: int) -> Media:
        """One of a scene's renderings: a picture, or the depth map of that very picture."""
        seed = Random(f"{self.split} {scene} {rendering}").getrandbits(63)
        render = self.renderer.depth if kind == "depth" else self.renderer.picture
        return render(scene, seed)

    def _answer(self, asked: Request, rng: Random) -> Message:
        kind = asked.direction.partition("->")[2]
        if kind == "text":
            return Message("assistant", (asked.answer,))
        part = MediaPart(kind, None, _caption(kind, asked.asked))
        if self.answer_media:
            part = self._part(kind, asked.asked, rng.randrange(RENDERINGS))
        # a map stands alone: the language model stands still, new words it would not learn
        return Message("assistant", (part,) if kind == "depth" else (present(asked, rng), part))

    def _part(self, kind: str, scene: Picture, rendering: int) -> MediaPart:
        return MediaPart(kind, self.medium(kind, scene, rendering), _caption(kind, scene))


def _caption(kind: str, scene: Picture) -> str:
    return caption(scene) if kind == "depth" else picture_caption(scene)
