"""The dialogues of a training stage, rendered and numbered. Trains nothing.

A config names them as `nextgpt_world.data:Dialogues` with options such as `{stage: encode}`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Literal

import numpy as np

from nextgpt_registry.media import Media
from nextgpt_registry.messages import MediaPart, Message
from nextgpt_world.chat.pairs import pairs
from nextgpt_world.dialogues.cast import Cast
from nextgpt_world.dialogues.script import Line, Script
from nextgpt_world.dialogues.stages import Stage, write
from nextgpt_world.dialogues.wordings import Wording
from nextgpt_world.examples import numbered
from nextgpt_world.library import STYLES, Library, find_library
from nextgpt_world.render import render
from nextgpt_world.scene import Scene, caption
from nextgpt_world.split import Split, check_trainable

STAGES: dict[str, Stage] = {"encode": 1, "decode": 2, "instruct": 3}
CHAT = {"encode": 0.0, "decode": 0.1, "instruct": 0.16}
"""The share of plain chat."""

RENDERINGS = {"image": 1, "video": 2, "audio": 30}
"""How many renderings of a scene users show: few, so that encoders' features can be cached."""


@dataclass(frozen=True)
class Dialogues:
    """`dialogues[n]` is always the same conversation; they never end.

    Media that the user shows are one of a scene's `RENDERINGS`, in `style` (both styles, if
    None). Media of an answer are rendered, in the decoders' style, only if `answer_media` is set.
    On the split `train` nothing held out occurs; on `held_out`, every dialogue has something.
    """

    stage: Literal["encode", "decode", "instruct"]
    split: Split = "train"
    wording: Wording = "train"
    style: str | None = None
    answer_media: bool = False
    chat: float | None = None
    direction: str | None = None
    library: str = ""

    def __getitem__(self, number: int) -> tuple[Message, ...]:
        """The `number`th conversation, of any number that is not negative.

        Raises:
            SourceError: there is no such library.
        """
        return self.perform(self.script(number), str(number))

    def perform(self, script: Script, seed: str) -> tuple[Message, ...]:
        """A conversation with its media."""
        return tuple(self._turn(line, f"{seed} {n}") for n, line in enumerate(script.lines))

    def script(self, number: int) -> Script:
        """The conversation before it is rendered."""
        rng = numbered(f"{self.stage} {self.split}", number)
        share = CHAT[self.stage] if self.chat is None else self.chat
        if rng.random() < share:
            return chat(rng, kept=self.split == "held_out")
        script = write(
            STAGES[self.stage],
            rng,
            split=self.split,
            wording=self.wording,
            cast=self.cast,
            direction=self.direction,
        )
        if script.direction == "turns" and rng.random() < 0.4 and share:
            script = _with_chat(script, rng, kept=self.split == "held_out")
        if self.split == "train":
            for scene in script.scenes:
                check_trainable(scene)
        return script

    @cached_property
    def _library(self) -> Library:
        return find_library(self.library)

    @cached_property
    def cast(self) -> Cast:
        """Who may take part: the whole vocabulary, or what a library given can render."""
        return Cast.of(self._library) if self.library else Cast.everyone()

    def _turn(self, line: Line, seed: str) -> Message:
        rng = Random(f"{self.stage} {self.split} {seed}")
        parts = (
            part
            if isinstance(part, str)
            else (self._shown(part, rng) if line.role == "user" else self._made(part, rng))
            for part in line.parts
        )
        return Message(line.role, tuple(parts))

    def _shown(self, scene: Scene, rng: Random) -> MediaPart:
        number = rng.randrange(RENDERINGS[scene.modality])
        seed = Random(f"{self.split} {scene} {number}").getrandbits(63)
        return MediaPart(scene.modality, self.render(scene, seed, self.style), caption(scene))

    def _made(self, scene: Scene, rng: Random) -> MediaPart:
        media = self.render(scene, rng.getrandbits(63), STYLES[0]) if self.answer_media else None
        return MediaPart(scene.modality, media, caption(scene))

    def render(self, scene: Scene, seed: int, style: str | None) -> Media:
        """A scene as a medium, from this library."""
        return render(scene, self._library, np.random.default_rng(seed), style)


def chat(rng: Random, *, kept: bool = False) -> Script:
    """One to three exchanges of plain chat."""
    count = rng.choice((1, 1, 1, 2, 2, 3))
    chosen = rng.sample(pairs(kept=kept), count)
    lines = [Line(role, (text,)) for pair in chosen for role, text in _roles(pair)]
    return Script("text->text", tuple(lines))


def _roles(pair: tuple[str, str]) -> tuple[tuple[Literal["user", "assistant"], str], ...]:
    return ("user", pair[0]), ("assistant", pair[1])


def _with_chat(script: Script, rng: Random, *, kept: bool) -> Script:
    """Talk before or after what is shown and made."""
    talk = [Line(role, (text,)) for role, text in _roles(rng.choice(pairs(kept=kept)))]
    first = rng.random() < 0.5
    lines = (*talk, *script.lines) if first else (*script.lines, *talk)
    return Script(script.direction, lines)
