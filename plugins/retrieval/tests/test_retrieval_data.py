"""Dialogues and the suite: what is asked, what is never trained on, what counts as found."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

from nextgpt_registry.media import Media
from nextgpt_registry.messages import MediaPart, Message
from nextgpt_registry.protocols import DecodeBatch
from nextgpt_retrieval.cli import WEIGHTS
from nextgpt_retrieval.decoder import image
from nextgpt_retrieval.options import RetrievalOptions
from nextgpt_retrieval.train.data import DRAWN, GIVEN, Dialogues, requests
from nextgpt_retrieval.train.samples import scenes, write_samples
from nextgpt_retrieval.train.suite import MADE, FoundJudge, retrieval
from nextgpt_retrieval.train.talk import talk
from nextgpt_world.scene import Picture, Sound, caption
from nextgpt_world.split import is_held_out

SOURCE = Dialogues(library="samples")


def test_a_dialogue_is_a_request_and_the_caption_of_what_is_found() -> None:
    dialogues = [one for n in range(100) if "found" in channels(one := SOURCE[n])]

    kinds = {part.channel for asked, _ in dialogues for part in asked.media}
    assert kinds == {"image", "video", "audio"}
    for asked, answer in dialogues:
        [found] = answer.media
        assert (asked.role, answer.role) == ("user", "assistant")
        assert (found.channel, found.media) == ("found", None)
        assert found.caption
        assert answer.text == ""


def test_requests_to_draw_stand_beside_those_to_find() -> None:
    answered = [channels(SOURCE[n]) for n in range(100)]

    assert 15 < sum("image" in answer for answer in answered) < 45
    assert not any({"image", "found"} <= answer for answer in answered)
    assert 5 < sum(not answer for answer in answered) < 20


def channels(dialogue: tuple[Message, ...]) -> set[str]:
    """All that its answers are made on."""
    return {part.channel for turn in dialogue if turn.role == "assistant" for part in turn.media}


def test_talk_looks_for_nothing_and_what_is_kept_is_never_trained_on() -> None:
    source = Dialogues(library="samples", talk=1.0)
    said = {source[n][0].text for n in range(400)}

    assert not any(turn.media for n in range(50) for turn in source[n])
    assert said <= {asked for asked, _ in talk()}
    assert not said & {asked for asked, _ in talk(kept=True)}
    asked = [p for p in retrieval(library="samples").prompts if p.direction == "text->text"]
    assert len(asked) == len(talk(kept=True)) > 30


def test_a_number_always_names_the_same_dialogue() -> None:
    assert SOURCE[7] == Dialogues(library="samples")[7]
    with pytest.raises(IndexError, match="none before 0"):
        SOURCE[-1]


def test_nothing_held_out_is_trained_on() -> None:
    everything = Dialogues()

    for n in range(3000):
        shown, asked = everything.scenes(Random(n))
        assert not is_held_out(asked)
        assert shown is None or not is_held_out(shown)


def test_wordings_for_paraphrases_are_kept_from_training() -> None:
    for given in GIVEN:
        assert requests(given, "paraphrase")
        assert not set(requests(given, "paraphrase")) & set(requests(given, "train"))


def test_samples_are_pictures_with_captions_that_differ_in_one_fact(tmp_path: Path) -> None:
    count = write_samples(tmp_path, "samples")

    assert count == 3 * len(SOURCE.world.cast.things) == len(list(tmp_path.glob("*.webp")))
    usual, ground, number = scenes(("frog",))
    assert not is_held_out(usual)
    assert is_held_out(ground)
    assert is_held_out(number)
    assert (usual.concept, usual.count) == (ground.concept, ground.count)
    assert (usual.concept, usual.colour) == (number.concept, number.colour)


def test_every_prompt_of_the_suite_asks_for_something_held_out() -> None:
    suite = retrieval(library="samples")

    directions = {prompt.direction for prompt in suite.prompts}
    assert directions == {f"{given}->found" for given in GIVEN} | {*DRAWN, "text->text"}
    assert len({prompt.id for prompt in suite.prompts}) == len(suite.prompts)
    for prompt in suite.prompts:
        [expected] = prompt.expected
        if prompt.direction == "text->text":
            continue
        assert expected.kind == "image"
        if prompt.direction in DRAWN:
            assert expected.facts == MADE
            continue
        assert ("count" in expected.facts) == (prompt.direction in ("text->found", "image->found"))
        [turn] = prompt.request()
        assert len(turn.media) == (prompt.direction != "text->found")


def test_what_is_made_instead_of_found_shows_nothing() -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    told = {"caption": "a frog on a white background", "source": "x.webp", "score": "0.90"}
    found, made = Media("image", pixels, about=told), Media("image", pixels)

    judge = FoundJudge()

    assert judge.facts([found, made]) == [
        {"object": "frog", "colour": "white", "count": "one"},
        MADE,
    ]


def test_a_language_model_that_writes_the_caption_finds_the_picture() -> None:
    """The most that the suite can give: the shipped weights on the shipped library, all things."""
    suite, live = retrieval(), image(RetrievalOptions())
    live.load({"text": WEIGHTS})
    library = str(WEIGHTS.parents[1] / "shipped" / "library")
    prompts = [p for p in suite.prompts if p.direction == "text->found"]
    wanted = [dict(p.expected[0].facts) for p in prompts]
    written = [
        caption(Picture(facts["object"], facts["colour"], facts["count"])) for facts in wanted
    ]

    found = live.decode(
        DecodeBatch(
            live.caption_targets(written),
            options=RetrievalOptions(library=library),
            generators=[torch.Generator() for _ in written],
        )
    )

    assert suite.live_judges()["image"].facts(found) == wanted
    assert len(wanted) == 76


def test_what_is_shown_is_named_by_its_caption() -> None:
    turn = SOURCE.request(Sound("bell", "once"), Picture("bell", "white"), Random(0))

    part = turn.parts[0]
    assert isinstance(part, MediaPart)
    assert part.caption == "the sound of a bell once"
    assert part.media is not None
    assert part.media.modality == "audio"
