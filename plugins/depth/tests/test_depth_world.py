"""True depth of mini's scenes, and what is asked about it: nothing held out is trained on."""

from random import Random

import numpy as np
import pytest

from nextgpt_depth.train.bank import Drawn
from nextgpt_depth.train.data import Dialogues
from nextgpt_depth.train.describe import FACTS, caption, stated
from nextgpt_depth.train.geometry import errors
from nextgpt_depth.train.requests import DIRECTIONS, request, unseen
from nextgpt_depth.train.scenes import SWELL, THING, WALL, DepthRenderer
from nextgpt_depth.train.suite import JUDGES, Reference, depth, questions, truth
from nextgpt_depth.train.talk import talk
from nextgpt_registry.media import Media
from nextgpt_world.judge.text import read
from nextgpt_world.library import Library
from nextgpt_world.scene import Picture
from nextgpt_world.split import is_held_out

LIBRARY = Library.samples()


@pytest.fixture(scope="module")
def renderer():
    return DepthRenderer(LIBRARY)


def test_a_small_thing_is_farther_than_a_large_one(renderer):
    near = {
        size: renderer.depth(Picture("car", "red", size=size), 5).data.min()
        for size in ("small", None, "large")
    }

    assert near["large"] < near[None] < near["small"] < min(WALL)
    assert near["large"] == pytest.approx(THING * 128 / 89 - SWELL, abs=0.07)


def test_depth_and_picture_of_a_seed_show_the_thing_in_the_same_pixels(renderer):
    scene = Picture("star", "blue", place="left")

    picture, measured = renderer.picture(scene, 7).data, renderer.depth(scene, 7).data

    ground = np.abs(picture.astype(int) - picture[0, -1]).sum(-1) < 12
    assert (ground == (measured > 2.5)).mean() > 0.97


def test_depth_does_not_depend_on_the_ground(renderer):
    maps = [renderer.depth(Picture("cat", colour, "three"), 3) for colour in ("white", "blue")]

    assert np.allclose(maps[0].data, maps[1].data, atol=0.02)


def test_the_wall_leans_forward_at_its_foot(renderer):
    rows = renderer.depth(Picture("cat", "red", size="small", place="centre"), 0).data[:, 0]

    assert (rows[0], rows[-1]) == pytest.approx(WALL)
    assert (np.diff(rows) < 0).all()


@pytest.mark.parametrize("task", ["tell", "make"])
def test_no_dialogue_of_training_has_anything_held_out(task):
    dialogues = Dialogues(task, library="samples")

    for number in range(200):
        drawn = dialogues.request(Random(number))
        assert not is_held_out(drawn.given)
        assert not is_held_out(drawn.asked)


def test_banks_of_training_have_nothing_held_out():
    for seed in ("encoder", "decoder"):
        scenes = [Drawn(seed).scene(number, LIBRARY)[0] for number in range(100)]
        assert not any(map(is_held_out, scenes))


def test_a_dialogue_is_the_same_each_time_and_shows_what_it_says():
    dialogues = Dialogues("tell", library="samples")

    for number in range(12):
        first, again = dialogues[number], Dialogues("tell", library="samples")[number]
        assert first == again
        [shown] = first[0].media
        assert (shown.channel, shown.media.modality) == ("depth", "depth")
        assert shown.caption


def test_talk_wants_words_and_what_is_kept_is_never_trained_on():
    source = Dialogues(library="samples", talk=1.0)
    said = {source[n][0].text for n in range(400)}

    assert not any(turn.media for n in range(50) for turn in source[n])
    assert said <= {asked for asked, _ in talk()}
    assert not said & {asked for asked, _ in talk(kept=True)}
    asked = [p for p in depth(library="samples").prompts if p.direction == "text->text"]
    assert len(asked) == len(talk(kept=True)) > 30


def test_answers_say_what_the_judge_of_texts_reads():
    rng = Random(0)

    for _ in range(60):
        asked = request("depth->text", rng, concept="frog", plain=True)
        found = read(asked.answer)
        assert {fact: found.get(fact) for fact in stated(asked.given)} == stated(asked.given)


def test_the_suite_asks_each_thing_in_each_direction_with_what_is_held_out():
    suite = depth(library="samples")
    source = Dialogues("make", split="held_out", library="samples")

    prompts = [prompt for prompt in suite.prompts if prompt.direction != "text->text"]
    directions = [prompt.direction for prompt in prompts]
    asked = list(questions(source))

    assert {d: directions.count(d) for d in directions} == dict.fromkeys(
        DIRECTIONS, len(LIBRARY.things)
    )
    assert all(unseen(question.request.given) for question in asked)
    assert [question.id for question in asked] == [prompt.id for prompt in prompts]
    assert set(JUDGES) == {"depth", "image", "text"}


def test_a_prompt_shows_the_picture_whose_depth_is_its_truth():
    suite = depth(library="samples")
    source = Dialogues("make", split="held_out", library="samples")
    question = next(q for q in questions(source) if q.request.direction == "image->depth")
    prompt = next(p for p in suite.prompts if p.id == question.id)

    [turn] = prompt.request()

    true = truth(source, question).data
    [shown] = turn.media
    ground = np.abs(shown.media.data.astype(int) - shown.media.data[0, 0]).sum(-1) < 12
    assert shown.channel == "image"
    assert (ground == (true > 2.9)).mean() > 0.9


def test_paraphrases_are_other_words():
    usual, other = (
        {p.id: p.request()[0].text for p in depth(library="samples", wording=w).prompts[:4]}
        for w in ("train", "paraphrase")
    )

    assert usual.keys() == other.keys()
    assert all(usual[name] != other[name] for name in usual)


def test_the_reference_is_the_same_for_every_number():
    reference = Reference("samples")

    few, many = reference("depth", 2), reference("depth", 3)

    assert list(many)[:2] == list(few)
    assert {one.modality for one in many} == {"depth"}


def test_captions_have_no_colour():
    scene = Picture("cat", "red", size="small", place="left")

    assert caption(scene) == "a small cat on the left"
    assert set(stated(scene)) == set(FACTS)


def test_errors_of_a_map_that_is_a_tenth_too_far():
    true = Media("depth", np.full((8, 8), 2, np.float32))

    found = errors(Media("depth", np.full((4, 4), 2.2, np.float32)), true)

    assert found.absrel == pytest.approx(0.1)
    assert found.delta1 == 1
    assert errors(Media("depth", np.full((4, 4), 3, np.float32)), true).delta1 == 0


def test_maps_without_a_common_pixel_have_no_errors():
    one = Media("depth", np.array([[0, 1]], np.float32))
    other = Media("depth", np.array([[1, 0]], np.float32))

    with pytest.raises(ValueError, match="in common"):
        errors(one, other)
