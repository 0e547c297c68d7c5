"""Requests with several media and answers with two or three.

Their directions are named after what is given and asked for, each in the order text, image, video,
audio: `image+audio->text`. Text stands among what is given where it says what the media do not,
and among what is asked for where the answer's words are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from types import MappingProxyType

from nextgpt_world.dialogues.cast import Cast
from nextgpt_world.dialogues.exchange import KINDS, name, present, sentence, verb
from nextgpt_world.dialogues.follow import to_clip, to_picture, to_sound, usual
from nextgpt_world.dialogues.script import Line, Script
from nextgpt_world.dialogues.wordings import Wording, choose
from nextgpt_world.scene import Picture, Scene, Sound, caption, facts, noun, phrase

Maker = Callable[[Random, Cast, Wording], Script]

_SPOKEN = {2: "two", 3: "three"}


def several_asked(rng: Random, cast: Cast, wording: Wording) -> Script:
    """Two or three media of any modality, asked for one after the other."""
    scenes = _scenes(rng, cast)
    wishes = [
        choose("joint", scene.modality, rng, wording).format(p=phrase(scene, rng))
        for scene in scenes
    ]
    request = choose("joint", "made", rng, wording)
    return _script([], sentence(_joined(request, wishes)[:-1]), scenes, rng)


def several_listed(rng: Random, cast: Cast, wording: Wording) -> Script:
    """Two or three media of any modality, asked for in one breath."""
    scenes = _scenes(rng, cast)
    wishes = [
        choose("joint", f"{scene.modality}, listed", rng, wording).format(p=_listed(scene, rng))
        for scene in scenes
    ]
    request = _joined(choose("joint", "listed", rng, wording), wishes)
    return _script([], f"{request[0].upper()}{request[1:]}", scenes, rng)


def several_alike(rng: Random, cast: Cast, wording: Wording) -> Script:
    """Two or three pictures, clips or sounds."""
    kind, count = rng.choice(KINDS), 2 + (rng.random() < 0.35)
    scenes = [cast.draw(kind, rng) for _ in range(count)]
    request = choose("joint", f"{kind}, counted", rng, wording)
    *first, last = [_listed(scene, rng) for scene in scenes]
    before = ", one of " if "one of" in request else ", "
    request = request.format(n=_SPOKEN[count], a=before.join(first), b=last)
    return _script([], request, scenes, rng)


def several_shown(rng: Random, cast: Cast, wording: Wording) -> Script:
    """Two or three media shown; the answer describes them in order."""
    scenes = _scenes(rng, cast)
    request = Line("user", (*scenes, choose("joint", "seen", rng, wording)))
    told = " ".join(sentence(caption(scene)) for scene in scenes)
    return Script(_direction(scenes, [], told=True), (request, Line("assistant", (told,))))


def picture_and_sound(rng: Random, cast: Cast, wording: Wording) -> Script:
    """A thing, to be drawn and heard."""
    concept = rng.choice(cast.sounding)
    picture = Picture(concept, usual("colour", concept))
    request = choose("joint", "picture and sound", rng, wording).format(n=noun(picture))
    return _script([], request, [picture, to_sound(picture, "", rng)], rng)


def clip_and_sound(rng: Random, cast: Cast, wording: Wording) -> Script:
    """A picture, to be set in motion and heard."""
    picture = cast.draw("image", rng, sounding=True)
    clip = to_clip(picture, "motion", rng)
    request = choose("joint", "clip and sound", rng, wording).format(
        motion=clip.motion, verb=verb(clip.motion)
    )
    return _script([picture], request, [clip, to_sound(picture, "", rng)], rng, said=True)


def named_and_made(rng: Random, cast: Cast, wording: Wording) -> Script:
    """A thing seen, to be named and heard; or heard, to be named and drawn."""
    given = cast.draw(rng.choice(KINDS), rng, sounding=True)
    heard = isinstance(given, Sound)
    wish = "named and drawn" if heard else "named and heard"
    made = (to_picture if heard else to_sound)(given, "", rng)
    request = Line("user", (given, choose("joint", wish, rng, wording)))
    told, medium = present(made, rng)
    answer = Line("assistant", (f"{name(given)} {told}", medium))
    return Script(_direction([given], [made], told=True), (request, answer))


def meeting(rng: Random, cast: Cast, wording: Wording) -> Script:
    """A picture and a sound; the picture is set in motion and the sound repeated."""
    picture, sound = cast.draw("image", rng), cast.draw("audio", rng)
    clip = to_clip(picture, "motion", rng)
    request = choose("joint", "meeting", rng, wording).format(
        motion=clip.motion, verb=verb(clip.motion)
    )
    return _script([picture, sound], request, [clip, sound], rng, said=True)


def heard_and_placed(rng: Random, cast: Cast, wording: Wording) -> Script:
    """What makes a sound, filmed on a picture's ground, or drawn on a clip's."""
    sound = cast.draw("audio", rng, sounding=True)
    if rng.random() < 0.5:
        clip = cast.draw("video", rng)
        drawn = replace(to_picture(sound, "", rng), colour=facts(clip)["colour"])
        request = choose("joint", "heard, drawn", rng, wording)
        return _script([clip, sound], request, [drawn], rng)
    picture = cast.draw("image", rng)
    filmed = replace(to_clip(sound, "motion", rng), colour=facts(picture)["colour"])
    request = choose("joint", "heard, filmed", rng, wording).format(motion=filmed.motion)
    return _script([picture, sound], request, [filmed], rng, said=True)


MIXED: tuple[Maker, ...] = (
    several_asked,
    several_listed,
    several_alike,
    several_shown,
    picture_and_sound,
    clip_and_sound,
    named_and_made,
    meeting,
    *[heard_and_placed] * 3,  # the hardest: of two media it takes a fact each
)

_SEVERAL: tuple[Maker, ...] = (several_asked, several_listed)
MIXED_DIRECTIONS: Mapping[str, tuple[Maker, ...]] = MappingProxyType(
    {
        "text->image+audio": (*_SEVERAL, picture_and_sound),
        "text->image+video": _SEVERAL,
        "text->video+audio": _SEVERAL,
        "text->image+video+audio": _SEVERAL,
        "text->image+image": (*_SEVERAL, several_alike),
        "image+audio->text": (several_shown,),
        "image+video->text": (several_shown,),
        "video+audio->text": (several_shown,),
        "image->text+audio": (named_and_made,),
        "video->text+audio": (named_and_made,),
        "audio->text+image": (named_and_made,),
        "video+audio->image": (heard_and_placed,),
        "text+image+audio->video": (heard_and_placed,),
        "text+image->video+audio": (clip_and_sound,),
        "text+image+audio->video+audio": (meeting,),
    }
)
"""The mixed directions that are tested one by one, and what makes them; there are more."""


def _scenes(rng: Random, cast: Cast) -> list[Scene]:
    return [cast.draw(rng.choice(KINDS), rng) for _ in range(2 + (rng.random() < 0.35))]


def _listed(scene: Scene, rng: Random) -> str:
    return f"{noun(scene)} {scene.repetition}" if isinstance(scene, Sound) else phrase(scene, rng)


def _joined(request: str, wishes: list[str]) -> str:
    *first, last = wishes
    return request.format(a=", ".join(first), b=last)


def _script(
    given: list[Scene], request: str, asked: list[Scene], rng: Random, *, said: bool = False
) -> Script:
    answer = [part for scene in asked for part in present(scene, rng)]
    lines = Line("user", (*given, request)), Line("assistant", tuple(answer))
    return Script(_direction(given, asked, said=said), lines)


def _direction(
    given: list[Scene], asked: list[Scene], *, said: bool = False, told: bool = False
) -> str:
    sides = (given, said or not given), (asked, told)
    return "->".join("+".join(_kinds(scenes, words)) for scenes, words in sides)


def _kinds(scenes: list[Scene], words: bool) -> list[str]:
    kinds = [kind for kind in KINDS for scene in scenes if scene.modality == kind]
    return ["text", *kinds] if words else [*kinds]
