"""The split by combination: words are known, combinations are not."""

from random import Random

import pytest

from nextgpt_world.scene import Clip, Picture, Sound, facts
from nextgpt_world.split import (
    check_trainable,
    choose,
    combinations,
    held_out_combinations,
    is_held_out,
    sample_scene,
)
from nextgpt_world.vocabulary import vocabulary

KINDS = ("image", "video", "audio")


def test_split_on_disk_is_the_one_the_hash_chooses():
    chosen = choose(vocabulary())

    assert held_out_combinations() == set(chosen)


@pytest.mark.parametrize("kind", KINDS)
def test_no_held_out_combination_comes_out_of_the_training_sampler(kind):
    rng = Random(kind)

    drawn = {c for _ in range(20_000) for c in combinations(sample_scene(kind, rng))}

    assert drawn
    assert drawn.isdisjoint(held_out_combinations())


@pytest.mark.parametrize("kind", KINDS)
def test_every_word_is_trained_on(kind):
    rng = Random(kind)
    words = vocabulary()

    seen = {item for _ in range(30_000) for item in facts(sample_scene(kind, rng)).items()}

    for fact in {fact for fact, _ in seen}:
        assert {value for f, value in seen if f == fact} == set(words.words(fact))


def test_held_out_combination_is_held_out_in_every_modality():
    fact, thing, colour = next(c for c in held_out_combinations() if c[0] == "colour")
    held_out = held_out_combinations()
    trained = next(m for m in vocabulary().motions if ("motion", thing, m) not in held_out)

    assert fact == "colour"
    assert is_held_out(Picture(thing, colour))
    assert is_held_out(Clip(thing, colour, trained))


def test_training_data_refuses_a_held_out_scene():
    _, thing, repetition = next(c for c in held_out_combinations() if c[0] == "repetition")

    with pytest.raises(ValueError, match="held out"):
        check_trainable(Sound(thing, repetition))


def test_held_out_sampler_gives_only_held_out_scenes():
    rng = Random(0)

    scenes = [sample_scene(kind, rng, split="held_out") for kind in KINDS for _ in range(200)]

    assert all(is_held_out(scene) for scene in scenes)


@pytest.mark.parametrize("kind", KINDS)
def test_every_concept_has_something_held_out(kind):
    words = vocabulary()

    for concept in words.sounds if kind == "audio" else words.objects:
        assert is_held_out(sample_scene(kind, Random(0), split="held_out", concept=concept))
