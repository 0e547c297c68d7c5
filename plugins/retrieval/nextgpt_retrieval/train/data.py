"""Dialogues in which something is looked for, and found. Renders what users show, trains nothing.

An addition names them as `nextgpt_retrieval.train.data:Dialogues`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from random import Random
from types import MappingProxyType

from nextgpt_registry.messages import MediaPart, Message
from nextgpt_retrieval.train.talk import talk
from nextgpt_world.data import RENDERINGS
from nextgpt_world.data import Dialogues as World
from nextgpt_world.dialogues.follow import usual
from nextgpt_world.dialogues.wordings import Wording
from nextgpt_world.examples import numbered
from nextgpt_world.scene import Picture, Scene, Sound, brief, caption, phrase
from nextgpt_world.split import Kind, Split, check_trainable, is_held_out, sample_scene

REQUESTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "text": (
            "Find a picture of {p}.",
            "Search for {p}.",
            "Find {p}.",
            "Look for a picture of {p}.",
            "Look up {p}.",
            "Is there a picture of {p} in the library?",
            "Find me an image of {p}.",
            "Search the library for {p}.",
            "Do you have a photo of {p}?",
            "Which of the pictures shows {p}?",
            "Please find {p}.",
            "Look through the library for {p}.",
            "Can you find a picture of {p}?",
            "Fetch a real picture of {p}.",
            "Search for an image with {p}.",
        ),
        "image": (
            "Find a picture like this.",
            "Search for a picture like this one.",
            "Look for a similar picture.",
            "Find more like this.",
            "Is there one like this in the library?",
            "Search the library for this.",
            "Find a real picture of this.",
            "Look this up.",
        ),
        "video": (
            "Find a picture of this.",
            "Search for a picture of what moves here.",
            "Look for a picture of what you see in the clip.",
            "Is there a picture of this in the library?",
            "Find a picture that fits the clip.",
        ),
        "audio": (
            "Find a picture of what you hear.",
            "Search for a picture of what makes this sound.",
            "Look for a picture of what is heard.",
            "Is there a picture of what sounds like this in the library?",
            "Find a picture that fits the sound.",
        ),
    }
)
"""How something is looked for, by what is given; one in five is kept for testing paraphrases."""

SHARES = {"text": 0.55, "image": 0.2, "video": 0.1, "audio": 0.15}
GIVEN = tuple(SHARES)
DRAWN = {"text->image": 0.7, "image->image": 0.1, "video->image": 0.1, "audio->image": 0.1}
"""What is nearest to a search and none: requests to draw, by direction of mini's dialogues."""

_TALK = 0.3
_BRIEFLY = 0.1
_TRIES = 1000


@dataclass(frozen=True)
class Dialogues:
    """`dialogues[n]` is always the same request and its answer, of trainable scenes.

    The share `drawn` is mini's, of pictures that are drawn and of plain talk: what is not looked
    for is learned beside what is; 0 for a system that makes none. The share `talk` is in the words
    of a search, and looks for no picture. What is found is named by its caption and never shown:
    there is no loss on media. `library` is the file of sprites and sounds, or `samples`, as mini's
    dialogues take it.
    """

    channel: str = "found"
    library: str = ""
    drawn: float = 0.4
    talk: float = 0.0

    def __getitem__(self, number: int) -> tuple[Message, ...]:
        """The `number`th conversation, of any number that is not negative."""
        rng = numbered("retrieval", number)
        if self.talk and rng.random() < self.talk:
            said, answer = rng.choice(talk())
            return Message("user", (said,)), Message("assistant", (answer,))
        if rng.random() < self.drawn:
            [direction] = rng.choices(tuple(DRAWN), tuple(DRAWN.values()))
            if rng.random() < _TALK:
                return replace(self.world, chat=1.0)[number]
            return replace(self.world, direction=direction)[number]
        shown, asked = self.scenes(rng)
        return self.request(shown, asked, rng), self._answer(asked)

    def scenes(self, rng: Random) -> tuple[Scene | None, Picture]:
        """What is shown, if anything, and the picture that is looked for; both trainable."""
        [given] = rng.choices(GIVEN, tuple(SHARES.values()))
        for _ in range(_TRIES):
            shown, asked = self._draw(given, rng)
            if not is_held_out(asked):
                check_trainable(shown or asked)
                return shown, asked
        raise AssertionError("every thing has a picture that may be trained on")

    def request(
        self,
        shown: Scene | None,
        asked: Picture,
        rng: Random,
        wording: Wording = "train",
        split: Split = "train",
    ) -> Message:
        """The user's turn: a scene that is shown and words, or words alone."""
        words = rng.choice(requests(shown.modality if shown else "text", wording))
        if shown is None:
            said = (
                brief(asked) if rng.random() < _BRIEFLY and split == "train" else phrase(asked, rng)
            )
            return Message("user", (words.format(p=said),))
        seed = Random(f"{split} {shown} {rng.randrange(RENDERINGS[shown.modality])}")
        media = self.world.render(shown, seed.getrandbits(63), None)
        return Message("user", (MediaPart(shown.modality, media, caption(shown)), words))

    @cached_property
    def world(self) -> World:
        """What renders, and who takes part."""
        return World("instruct", chat=0.0, library=self.library)

    def _draw(self, given: str, rng: Random) -> tuple[Scene | None, Picture]:
        cast = self.world.cast
        if given == "text":
            asked = sample_scene("image", rng, concept=rng.choice(cast.things))
            assert isinstance(asked, Picture)
            return None, asked
        kind: Kind = "audio" if given == "audio" else "video" if given == "video" else "image"
        names = cast.sounding if kind == "audio" else cast.things
        shown = sample_scene(kind, rng, concept=rng.choice(names))
        return shown, wanted(shown)

    def _answer(self, asked: Picture) -> Message:
        # nothing but the picture: after words that it says when it draws, too, the language model,
        # which stands still, hardly knows any more which of the two was asked for
        return Message("assistant", (MediaPart(self.channel, None, caption(asked)),))


def wanted(shown: Scene) -> Picture:
    """The picture that is looked for where a scene is shown: itself, or that of the same thing."""
    if isinstance(shown, Picture):
        return shown
    if isinstance(shown, Sound):
        return Picture(shown.concept, usual("colour", shown.concept))
    return Picture(shown.concept, shown.colour)


def requests(given: str, wording: Wording) -> tuple[str, ...]:
    """The wordings of one side."""
    kept = wording == "paraphrase"
    return tuple(w for n, w in enumerate(REQUESTS[given]) if (n % 5 == 4) == kept)
