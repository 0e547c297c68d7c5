"""The judges say what is shown and written, and what they were measured at."""

from random import Random

import numpy as np
import pytest
import torch
from torch import Generator

from nextgpt_registry.errors import SourceError
from nextgpt_registry.media import Media
from nextgpt_registry.suites import Featured, Judge
from nextgpt_world.judge.blemishes import blemish_pictures, blemish_sounds
from nextgpt_world.judge.inputs import to_input
from nextgpt_world.judge.media import WEIGHTS, MediaJudge
from nextgpt_world.judge.network import Network
from nextgpt_world.judge.questions import UNSAID, answers, labels, told
from nextgpt_world.judge.text import TextJudge, read, read_several
from nextgpt_world.library import Library
from nextgpt_world.render import render
from nextgpt_world.scene import Clip, Picture, Sound, caption, facts
from nextgpt_world.split import sample_scene
from nextgpt_world.vocabulary import vocabulary

KINDS = ("image", "video", "audio")


@pytest.fixture(scope="module")
def samples() -> Library:
    return Library.samples()


def rendered(kind, samples, count):
    rng = Random(kind)
    names = tuple(samples.sounds) if kind == "audio" else samples.things
    scenes = [sample_scene(kind, rng, split=None, concept=rng.choice(names)) for _ in range(count)]
    return scenes, [render(s, samples, np.random.default_rng(n)) for n, s in enumerate(scenes)]


@pytest.mark.parametrize("kind", KINDS)
def test_judge_was_measured_at_97_percent_of_every_fact(kind):
    ceiling = MediaJudge(kind).ceiling

    assert set(ceiling) == set(answers(kind))
    assert min(ceiling.values()) >= 0.97


@pytest.mark.parametrize("kind", KINDS)
def test_judge_is_right_about_the_samples(kind, samples):
    scenes, media = rendered(kind, samples, 60)

    found = MediaJudge(kind).facts(media)

    right = [
        told.get(fact) == value
        for told, scene in zip(found, scenes, strict=True)
        for fact, value in facts(scene).items()
    ]
    assert np.mean(right) >= 0.95


def test_weights_of_all_judges_are_at_most_3_mb():
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) <= 3_000_000


@pytest.mark.parametrize("kind", KINDS)
def test_judges_keep_the_protocol(kind):
    assert isinstance(MediaJudge(kind), Judge)
    assert isinstance(TextJudge(), Judge)


def test_judge_without_weights_says_how_to_make_them(tmp_path):
    with pytest.raises(SourceError, match="nextgpt world judge image"):
        MediaJudge("image", tmp_path).facts([Media("image", np.zeros((64, 64, 3), np.uint8))])


def test_media_of_other_sizes_are_fitted():
    picture = Media("image", np.zeros((100, 30, 3), np.uint8))
    clip = Media("video", np.zeros((3, 20, 40, 3), np.uint8), 10.0)
    sound = Media("audio", np.zeros((8_000, 2), np.float32), 44_100.0)

    assert to_input("image", [picture]).shape == (1, 3, 96, 96)
    assert to_input("video", [clip]).shape == (1, 8, 3, 64, 64)
    assert to_input("audio", [sound]).shape == (1, 1, 80, 192)


@pytest.mark.parametrize("kind", KINDS)
def test_network_answers_every_question(kind, samples):
    _, media = rendered(kind, samples, 2)

    scores = Network(kind).eval()(to_input(kind, media))

    assert [tuple(s.shape) for s in scores] == [(2, len(words)) for words in answers(kind).values()]


def test_labels_leave_open_what_a_scene_leaves_open():
    assert labels(Picture("cat", "blue", "three"))[3:] == [UNSAID, UNSAID]
    assert labels(Picture("cat", "blue"))[3] == UNSAID


def test_nothing_is_told_of_the_place_and_size_of_several_things():
    two = vocabulary().counts.index("two")

    assert set(told("image", [0, 0, two, 0, 0])) == {"object", "colour", "count"}


@pytest.mark.parametrize("kind", KINDS)
def test_blemished_media_stay_in_range_and_repeat(kind, samples):
    blemish = blemish_sounds if kind == "audio" else blemish_pictures
    x = to_input(kind, rendered(kind, samples, 4)[1])
    x = x.flatten(1, 2) if kind == "video" else x

    first, second = (blemish(x, Generator().manual_seed(3)) for _ in range(2))

    assert first.shape == x.shape
    assert torch.equal(first, second)
    assert first.min() >= -1
    assert first.max() <= 1.2


@pytest.mark.parametrize("kind", KINDS)
def test_text_judge_reads_every_fact_of_a_caption(kind):
    rng = Random(kind)

    for scene in (sample_scene(kind, rng, split=None) for _ in range(2_000)):
        assert facts(scene).items() <= read(f"Here is {caption(scene)}.").items()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I see three cats on a blue background.", {"object": "cat", "count": "three"}),
        ("It is an aeroplane.", {"object": "airplane"}),
        ("A donut that hops.", {"object": "doughnut", "motion": "jumping"}),
        ("A steel drum, two times.", {"sound": "steel drum", "repetition": "twice"}),
        ("A trumpet, twice.", {"object": "trumpet", "sound": "trumpet", "repetition": "twice"}),
        ("It moves to the left.", {"motion": "moving left"}),
        ("On the right.", {"place": "right"}),
        ("In the middle.", {"place": "centre"}),
        ("Blue.", {"colour": "blue"}),
    ],
)
def test_text_judge_understands_other_words(text, expected):
    assert expected.items() <= read(text).items()


def test_text_judge_tells_several_things_in_turn():
    found = read_several("It is a cat. It is on a blue background. The sound of two bells twice.")

    assert {"object": "cat", "colour": "blue", "count": "one"}.items() <= found.items()
    assert {"second sound": "bell", "second repetition": "twice"}.items() <= found.items()
    assert "repetition" not in found


def test_text_judge_takes_one_thing_named_again_for_one():
    found = read_several("A cat. The cat is on a red background.")

    assert {"object": "cat", "colour": "red"}.items() <= found.items()
    assert not any(fact.startswith("second") for fact in found)


@pytest.mark.parametrize("kind", KINDS)
def test_features_are_one_row_a_medium_and_what_is_answered_from(kind, samples):
    _, media = rendered(kind, samples, 3)
    judge = MediaJudge(kind)

    features = judge.features(media)

    assert isinstance(judge, Featured)
    assert features.shape == (3, judge.network.heads[0].in_features)
    scores = judge.network.heads[0](torch.from_numpy(features))
    words = answers(kind)[next(iter(answers(kind)))]
    first = next(iter(answers(kind)))
    assert [words[n] for n in scores.argmax(-1)] == [told[first] for told in judge.facts(media)]


def test_text_judge_leaves_out_what_is_not_said():
    assert read("I do not know.") == {}
    assert set(read("Red.")) == {"colour"}


@pytest.mark.parametrize(
    "scene", [Picture("cat", "blue"), Clip("cat", "blue", "jumping"), Sound("bell", "twice")]
)
def test_kind_of_a_scene_has_a_label_for_every_question(scene):
    assert len(labels(scene)) == len(answers(scene.modality))
