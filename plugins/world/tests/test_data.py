"""Dialogues as a config names them: rendered, numbered, without anything held out."""

from random import Random

import numpy as np
import pytest

from nextgpt_world.chat import pairs
from nextgpt_world.data import RENDERINGS, Dialogues, chat
from nextgpt_world.dialogues import DIRECTIONS
from nextgpt_world.split import combinations, held_out_combinations, is_held_out

STAGES = ("encode", "decode", "instruct")
EVERYTHING = (*DIRECTIONS, "mixed", "turns")


def samples(stage="instruct", **options) -> Dialogues:
    return Dialogues(stage, library="samples", **options)


@pytest.mark.parametrize("stage", STAGES)
def test_no_held_out_combination_is_in_the_training_dialogues(stage):
    dialogues = Dialogues(stage)

    seen = {c for n in range(5_000) for s in dialogues.script(n).scenes for c in combinations(s)}

    assert len(seen) > 500
    assert seen.isdisjoint(held_out_combinations())


def test_every_held_out_dialogue_with_media_has_something_held_out():
    dialogues = Dialogues("instruct", split="held_out", wording="paraphrase")

    for script in (dialogues.script(n) for n in range(300)):
        assert not script.scenes or any(map(is_held_out, script.scenes))


@pytest.mark.parametrize("direction", EVERYTHING)
def test_every_direction_can_be_rendered(direction):
    dialogues = samples(direction=direction, chat=0.0, answer_media=True)

    for n in range(3):
        script, turns = dialogues.script(n), dialogues[n]

        assert [turn.role for turn in turns] == [line.role for line in script.lines]
        assert [m.channel for t in turns for m in t.media] == [s.modality for s in script.scenes]
        assert all(m.media is not None for t in turns for m in t.media)
        assert all(m.caption for t in turns if t.role == "assistant" for m in t.media)


def test_same_number_same_dialogue():
    assert [samples()[n] for n in range(10)] == [samples()[n] for n in range(10)]


def test_answers_media_are_rendered_only_when_asked_for():
    turns = samples("decode", chat=0.0)[0]

    assert turns[1].media[0].media is None
    assert turns[1].media[0].caption


def test_a_scene_has_few_renderings_so_that_features_can_be_cached():
    dialogues = samples("encode", direction="video->text")
    shown: dict[str, set[str]] = {}
    for n in range(400):
        part = dialogues[n][0].media[0]
        assert part.media is not None
        shown.setdefault(str(dialogues.script(n).scenes[0]), set()).add(part.media.sha256)

    assert max(len(found) for found in shown.values()) == RENDERINGS["video"]


def test_share_of_plain_chat_is_what_was_asked_for():
    scripts = [Dialogues("instruct", chat=0.2).script(n) for n in range(1_000)]

    share = np.mean([script.direction == "text->text" for script in scripts])

    assert 0.16 < share < 0.24


def test_plain_chat_has_no_media_and_keeps_some_prompts_for_testing():
    trained, kept = pairs(), pairs(kept=True)

    assert len(trained) + len(kept) >= 600
    assert not {p for p, _ in trained} & {p for p, _ in kept}
    assert not chat(Random(0)).scenes


def test_every_number_has_a_dialogue():
    assert samples("decode")[1 << 40]


def test_number_before_the_first_is_refused():
    with pytest.raises(IndexError, match="none before 0"):
        samples().script(-1)
