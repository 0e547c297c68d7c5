"""Conversations made by code: in all directions, on one side of the split, renderable."""

from itertools import islice
from random import Random

import pytest

from nextgpt_world.data import Dialogues
from nextgpt_world.dialogues import DIRECTIONS, MIXED_DIRECTIONS, Cast, write
from nextgpt_world.dialogues.exchange import propose, verb
from nextgpt_world.dialogues.follow import usual
from nextgpt_world.dialogues.wordings import choices, wordings
from nextgpt_world.scene import Clip, Sound, caption
from nextgpt_world.split import combinations, held_out_combinations, is_held_out
from nextgpt_world.vocabulary import vocabulary

EVERYTHING = (*DIRECTIONS, "mixed", "turns")


def test_every_direction_but_plain_chat():
    kinds = ("text", "image", "video", "audio")

    wanted = {f"{a}->{b}" for a in kinds for b in kinds} - {"text->text"}

    assert set(DIRECTIONS) == wanted


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_direction_has_at_least_15_request_templates(direction):
    templates = [t for kind in wordings()[direction].values() for t in kind]

    assert len(templates) >= 15
    assert len(set(templates)) == len(templates)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_paraphrases_are_kept_from_training(direction):
    for kind in wordings()[direction]:
        trained = choices(direction, kind, "train")
        kept = choices(direction, kind, "paraphrase")

        assert trained
        assert kept
        assert not set(trained) & set(kept)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_direction_has_the_media_it_names(direction):
    source, target = direction.split("->")

    for n in range(50):
        user, assistant = write(3, Random(n), direction=direction).lines

        assert [s.modality for s in user.scenes] == [m for m in [source] if m != "text"]
        assert [s.modality for s in assistant.scenes] == [m for m in [target] if m != "text"]
        assert user.text
        assert assistant.text


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_no_held_out_combination_comes_out_of_the_training_dialogues(stage):
    rng = Random(stage)

    scenes = [scene for _ in range(8_000) for scene in write(stage, rng).scenes]

    assert {c for s in scenes for c in combinations(s)}.isdisjoint(held_out_combinations())


@pytest.mark.parametrize("direction", EVERYTHING)
def test_held_out_dialogue_is_about_a_held_out_scene(direction):
    for n in range(30):
        script = write(3, Random(n), direction=direction, split="held_out", wording="paraphrase")

        assert any(map(is_held_out, script.scenes))
        if direction in DIRECTIONS and not direction.endswith("audio"):
            assert is_held_out(script.scenes[-1])


@pytest.mark.parametrize("direction", MIXED_DIRECTIONS)
def test_mixed_direction_is_among_those_that_training_draws_from(direction):
    script = write(3, Random(0), direction=direction)

    assert script.direction == direction
    assert not any(map(is_held_out, script.scenes))


def test_thing_heard_stands_on_the_ground_that_is_seen():
    for n in range(20):
        user, assistant = write(3, Random(n), direction="text+image+audio->video").lines
        [made] = assistant.scenes

        assert made.concept == next(s.concept for s in user.scenes if isinstance(s, Sound))
        assert made.colour == next(s.colour for s in user.scenes if not isinstance(s, Sound))
        assert made.motion in user.text or verb(made.motion) in user.text


def test_same_seed_same_dialogue():
    assert [write(3, Random(n)) for n in range(20)] == [write(3, Random(n)) for n in range(20)]


def test_5000_conversations_of_some_turns_switch_modalities_and_no_two_are_alike():
    source = Dialogues("instruct", chat=0.0)

    scripts = (source.script(n) for n in range(80_000))
    longer = islice((s for s in scripts if s.direction == "turns"), 7_000)
    switching = [s.lines for s in longer if len({x.modality for x in s.scenes}) > 1]

    assert len(set(switching)) >= 5_000
    assert min(map(len, switching)) >= 4  # two exchanges


def test_answers_say_what_is_shown():
    for n in range(100):
        assistant = write(2, Random(n)).lines[1]

        assert caption(assistant.scenes[0]) in assistant.text


def test_request_for_a_change_changes_only_that():
    rng = Random(0)
    changes = [propose("image->image", rng, Cast.everyone()) for _ in range(300)]

    for change in (c for c in changes if c.kind == "colour"):
        assert change.given is not None
        assert change.asked.concept == change.given.concept
        assert set(combinations(change.asked)) - set(combinations(change.given)) == {
            ("colour", change.asked.concept, change.fields["colour"])
        }


def test_thing_without_a_sound_is_never_asked_to_sound():
    rng, cast = Random(0), Cast.everyone()

    scenes = [scene for _ in range(2_000) for scene in write(3, rng).scenes]

    assert all(s.concept in (cast.sounds if isinstance(s, Sound) else cast.things) for s in scenes)


def test_every_sound_is_described_and_every_thing_shown():
    rng, words = Random(0), vocabulary()
    described = {write(1, rng, direction="audio->text").scenes[0].concept for _ in range(1_000)}
    shown = {write(1, rng, direction="image->text").scenes[0].concept for _ in range(2_000)}

    assert described == set(words.sounds)
    assert shown == set(words.objects)


def test_request_that_names_no_ground_gets_the_usual_one():
    asked = [propose("text->image", Random(n), Cast.everyone()) for n in range(200)]
    bare = [e.asked for e in asked if not any(c in e.fields["p"] for c in vocabulary().colours)]

    assert bare
    assert all(scene.colour == usual("colour", scene.concept) for scene in bare)


@pytest.mark.parametrize("thing", vocabulary().objects)
def test_usual_ground_and_motion_may_be_trained_on(thing):
    assert not is_held_out(Clip(thing, usual("colour", thing), usual("motion", thing)))


def test_unknown_direction_lists_the_known_ones():
    with pytest.raises(ValueError, match="text->image"):
        write(3, Random(0), direction="smell->text")
