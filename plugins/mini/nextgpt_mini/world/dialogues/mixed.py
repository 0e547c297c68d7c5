"""Answers with two or three media, requests with several, and conversations of some turns."""

from __future__ import annotations

from random import Random

from nextgpt_mini.world.dialogues.cast import Cast
from nextgpt_mini.world.dialogues.exchange import (
    DIRECTIONS,
    KINDS,
    Exchange,
    present,
    propose,
    say,
    sentence,
)
from nextgpt_mini.world.dialogues.follow import to_clip, to_sound
from nextgpt_mini.world.dialogues.script import Line, Script
from nextgpt_mini.world.dialogues.wordings import Wording, choose
from nextgpt_mini.world.scene import Picture, Scene, Sound, caption, noun, phrase
from nextgpt_mini.world.vocabulary import vocabulary


def several_asked(rng: Random, cast: Cast, wording: Wording) -> Script:
    """Two or three media of any modality, asked for in words."""
    scenes = [cast.draw(rng.choice(KINDS), rng) for _ in range(2 + (rng.random() < 0.35))]
    wishes = [
        choose("joint", scene.modality, rng, wording).format(p=phrase(scene, rng))
        for scene in scenes
    ]
    last = " and ".join(wishes[1:])
    request = choose("joint", "made", rng, wording).format(a=wishes[0], b=last)
    return _script([], sentence(request[:-1]), scenes, rng)


def several_shown(rng: Random, cast: Cast, wording: Wording) -> Script:
    """Two or three media shown; the answer describes them in order."""
    scenes = [cast.draw(rng.choice(KINDS), rng) for _ in range(2 + (rng.random() < 0.35))]
    request = Line("user", (*scenes, choose("joint", "seen", rng, wording)))
    told = " ".join(sentence(caption(scene)) for scene in scenes)
    return Script("mixed", (request, Line("assistant", (told,))))


def picture_and_sound(rng: Random, cast: Cast, wording: Wording) -> Script:
    """A thing, to be drawn and heard."""
    picture = Picture(rng.choice(cast.sounding), rng.choice(tuple(vocabulary().colours)))
    request = choose("joint", "picture and sound", rng, wording).format(n=noun(picture))
    return _script([], request, [picture, to_sound(picture, "", rng)], rng)


def clip_and_sound(rng: Random, cast: Cast, wording: Wording) -> Script:
    """A picture, to be set in motion and heard."""
    picture = cast.draw("image", rng, sounding=True)
    clip = to_clip(picture, "", rng)
    request = choose("joint", "clip and sound", rng, wording).format(motion=clip.motion)
    return _script([picture], request, [clip, to_sound(picture, "", rng)], rng)


def meeting(rng: Random, cast: Cast, wording: Wording) -> Script:
    """A picture and a sound; the picture is set in motion and the sound repeated."""
    picture, sound = cast.draw("image", rng), cast.draw("audio", rng)
    clip = to_clip(picture, "", rng)
    request = choose("joint", "meeting", rng, wording).format(motion=clip.motion)
    return _script([picture, sound], request, [clip, sound], rng)


MIXED = (several_asked, several_shown, picture_and_sound, clip_and_sound, meeting)


def turns(rng: Random, cast: Cast, wording: Wording) -> Script:
    """Two to four exchanges; most go on from the medium before, some start afresh."""
    lines: list[Line] = []
    last: Scene | None = None
    for _ in range(rng.randint(2, 4)):
        exchange, shown = _next(rng, cast, last)
        lines += say(exchange, rng, wording, shown=shown)
        last = exchange.asked
    return Script("turns", tuple(lines))


def _next(rng: Random, cast: Cast, last: Scene | None) -> tuple[Exchange, bool]:
    if last is None or rng.random() < 0.3:
        return propose(_allowed(rng, cast, None), rng, cast), True
    return propose(_allowed(rng, cast, last), rng, cast, last), False


def _allowed(rng: Random, cast: Cast, last: Scene | None) -> str:
    if last is None:
        return rng.choice(DIRECTIONS)
    here = [d for d in DIRECTIONS if d.startswith(f"{last.modality}->")]
    if isinstance(last, Sound) and last.concept not in cast.things:
        here = [d for d in here if d.endswith(("text", "audio"))]
    if not isinstance(last, Sound) and last.concept not in cast.sounds:
        here = [d for d in here if not d.endswith("audio")]
    return rng.choice(here)


def _script(given: list[Scene], request: str, asked: list[Scene], rng: Random) -> Script:
    answer = [part for scene in asked for part in present(scene, rng)]
    return Script("mixed", (Line("user", (*given, request)), Line("assistant", tuple(answer))))
