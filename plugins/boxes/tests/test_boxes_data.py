"""Pictures and dialogues: exact boxes, nothing held out in training; the judge."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from nextgpt_boxes.files import picture_of
from nextgpt_boxes.medium import Box, of_media, to_media
from nextgpt_boxes.train.data import Dialogues
from nextgpt_boxes.train.scenes import SIDE, Composition, Thing, compose, render
from nextgpt_boxes.train.suite import Judge, boxes
from nextgpt_registry.media import Media
from nextgpt_registry.suites import Prompt
from nextgpt_world.library import Library
from nextgpt_world.split import held_out_combinations, is_held_out

SAMPLES = Library.samples()


def test_boxes_hold_all_of_a_thing_and_nothing_beside_it() -> None:
    for seed in range(20):
        scene = compose(Random(seed), names=SAMPLES.things)
        picture, corners = render(scene, SAMPLES, seed)
        empty, _ = render(Composition(scene.colour, ()), SAMPLES, seed)

        away = np.abs(picture.data.astype(int) - empty.data).max(-1) > 16
        for x0, y0, x1, y1 in corners:
            left, top, right, bottom = (round(at * SIDE) for at in (x0, y0, x1, y1))
            assert away[top:bottom, left:right].any()
            away[top:bottom, left:right] = False
        assert not away.any(), scene


def test_nothing_held_out_is_in_any_picture_of_training() -> None:
    for seed in range(200):
        scene = compose(Random(seed))
        stated = {("colour", t.concept, scene.colour) for t in scene.things}
        stated |= {("place", t.concept, t.place) for t in scene.things}

        assert not stated & held_out_combinations()
        assert len({thing.concept for thing in scene.things}) == len(scene.things)


def test_every_held_out_picture_has_something_held_out_of_the_thing_asked_for() -> None:
    for seed in range(50):
        scene = compose(Random(seed), split="held_out", with_="cat")

        [cat] = [thing for thing in scene.things if thing.concept == "cat"]
        assert is_held_out(scene.picture(cat))


@pytest.mark.parametrize(
    ("x", "y", "place"),
    [
        (0.5, 0.55, "centre"),
        (0.2, 0.4, "left"),
        (0.8, 0.6, "right"),
        (0.6, 0.2, "top"),
        (0.45, 0.9, "bottom"),
    ],
)
def test_a_place_is_where_the_middle_is(x: float, y: float, place: str) -> None:
    assert Thing("cat", x, y, 40).place == place


def test_a_dialogue_is_always_the_same_and_answers_with_the_boxes_asked_for() -> None:
    data = Dialogues(library="samples")

    for number in range(30):
        turns = data[number]
        [part] = turns[-1].media
        assert part.media is not None
        made = of_media(part.media)
        shown = [p.media for turn in turns[:-1] for p in turn.media]
        assert turns == data[number]
        assert [made.picture.sha256] == [m.sha256 for m in shown if m]
        if part.caption.startswith("the ") and "thing" not in part.caption:
            assert [box.label for box in made.boxes] == [part.caption.removeprefix("the ")]
        else:
            assert made.boxes


def test_paraphrases_are_words_that_training_never_uses() -> None:
    asked = {
        wording: {
            turn.text
            for number in range(300)
            for turn in Dialogues(wording=wording, library="samples")[number]
            if turn.role == "user"
        }
        for wording in ("train", "paraphrase")
    }

    assert asked["train"] & asked["paraphrase"] <= {"What do you see?"}
    assert len(asked["paraphrase"]) > 20


SUITE = boxes(library="samples")


def truth(prompt: Prompt) -> tuple[Media, list[Box]]:
    [turn] = prompt.request()
    [part] = turn.media
    assert part.media is not None
    meant = [
        fact.removeprefix("where the ")[:-3] for fact in prompt.expected[0].facts if "where" in fact
    ]
    known = Judge("samples").truth[part.media.sha256]
    corners = [(name, known[name]) for name in meant]
    made = [
        Box(label=name, score=1, x0=x0, y0=y0, x1=x1, y1=y1) for name, (x0, y0, x1, y1) in corners
    ]
    return part.media, made


@pytest.mark.parametrize("prompt", SUITE.prompts[:12:2], ids=lambda prompt: prompt.id)
def test_the_judge_takes_the_true_boxes_and_no_others(prompt: Prompt) -> None:
    picture, made = truth(prompt)
    judge, wanted = Judge("samples"), dict(prompt.expected[0].facts)

    def misses(boxes: list[Box], shown: Media = picture) -> set[str]:
        [told] = judge.facts([to_media(picture_of(shown), boxes)])
        return {fact for fact, value in wanted.items() if told.get(fact) != value}

    half = [box.model_copy(update={"x1": (box.x0 + box.x1) / 2.2}) for box in made]
    assert not misses(made)
    assert "count" in misses([*made, made[0]])
    assert misses([box.model_copy(update={"label": "wave"}) for box in made]) >= {
        fact for fact in wanted if "where" in fact
    }
    assert misses(half) == {fact for fact in wanted if "where" in fact}
    assert misses(made, Media("image", picture.data[::-1].copy()))


def test_the_suite_asks_for_every_thing_in_every_way() -> None:
    directions = {prompt.direction for prompt in SUITE.prompts}

    assert directions == {"image->boxes", "image->boxes by place", "image->all boxes"}
    assert len(SUITE.prompts) == 3 * len(SAMPLES.things)
    assert len({prompt.id for prompt in SUITE.prompts}) == len(SUITE.prompts)
