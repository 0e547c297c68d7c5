# ruff: noqa: RUF001 (quotation marks and full stops of other scripts are meant)
from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nextgpt_core.answer import item_seed
from nextgpt_core.engine.captions import caption, last_description
from nextgpt_core.engine.sampling import Sampler, StopFilter, TextStream
from nextgpt_core.testing import tiny_tokenizer
from nextgpt_registry.messages import Message

TOKENIZER = tiny_tokenizer()
STOPS = st.lists(st.text("ab.", min_size=1, max_size=4), max_size=3)


def cut_at_first_complete_stop(text: str, stops: list[str]) -> str:
    """The same by definition: character by character."""
    for end in range(len(text) + 1):
        ending = [stop for stop in stops if text[:end].endswith(stop)]
        if ending:
            return text[: end - max(map(len, ending))]
    return text


@given(st.lists(st.text("ab.", max_size=5), max_size=6), STOPS)
def test_stop_strings_are_cut_out_however_the_text_arrives(
    pieces: list[str], stops: list[str]
) -> None:
    stream = StopFilter(stops)

    out = "".join([stream.feed(piece) for piece in pieces] + [stream.flush()])

    assert out == cut_at_first_complete_stop("".join(pieces), stops)


@given(st.lists(st.text("ab.", max_size=5), max_size=6), STOPS)
def test_no_part_of_a_stop_string_is_passed_on_early(pieces: list[str], stops: list[str]) -> None:
    stream, out = StopFilter(stops), ""

    for piece in pieces:
        out += stream.feed(piece)
        final = cut_at_first_complete_stop("".join(pieces), stops)
        assert final.startswith(out)


@given(st.text(max_size=30), st.lists(st.sampled_from(["é", "🐈", "ab"]), max_size=2))
def test_streamed_text_is_the_text_in_whole_characters(text: str, stops: list[str]) -> None:
    ids = TOKENIZER(text, add_special_tokens=False)["input_ids"]
    stream = TextStream(TOKENIZER, stops)

    pieces = [stream.feed(token) for token in ids] + [stream.flush()]

    said = TOKENIZER.decode(ids, skip_special_tokens=True)
    assert all("\ufffd" not in piece for piece in pieces if "\ufffd" not in text)
    assert "".join(pieces) == cut_at_first_complete_stop(said, stops).rstrip("\ufffd")


def test_unfinished_character_is_held_back_and_dropped_at_the_end() -> None:
    ids = TOKENIZER("a🐈", add_special_tokens=False)["input_ids"]
    stream = TextStream(TOKENIZER)

    pieces = [stream.feed(token) for token in ids[:-1]]

    assert "".join(pieces) + stream.flush() == "a"


def test_temperature_zero_takes_the_likeliest() -> None:
    sampler = Sampler(temperature=0, top_p=1, seed=0)

    assert sampler.choose(torch.tensor([0.0, 3.0, 1.0])) == 1


def test_nucleus_leaves_out_the_unlikely() -> None:
    logits_V = torch.tensor([0.6, 0.3, 0.1]).log()
    sampler = Sampler(temperature=1, top_p=0.7, seed=0)

    drawn = {sampler.choose(logits_V) for _ in range(200)}

    assert drawn == {0, 1}


def test_a_nucleus_that_is_full_takes_no_more() -> None:
    sampler = Sampler(temperature=1, top_p=0.5, seed=0)

    assert {sampler.choose(torch.zeros(2)) for _ in range(20)} == {0}


def test_even_a_tiny_nucleus_keeps_one() -> None:
    sampler = Sampler(temperature=1, top_p=1e-6, seed=0)

    assert {sampler.choose(torch.tensor([0.0, 5.0, 0.0])) for _ in range(20)} == {1}


@pytest.mark.parametrize(
    ("top_k", "drawn"), [(1, {2}), (2, {0, 2}), (3, {0, 1, 2}), (99, {0, 1, 2})]
)
def test_top_k_leaves_out_all_but_the_likeliest(top_k: int, drawn: set[int]) -> None:
    logits_V = torch.tensor([0.3, 0.3, 0.4, 0.0]).log()
    sampler = Sampler(temperature=1, top_k=top_k, top_p=1, seed=0)

    assert {sampler.choose(logits_V) for _ in range(100)} == drawn


@pytest.mark.parametrize("top_k", [None, 0])
def test_without_a_top_k_all_ids_are_drawn_from(top_k: int | None) -> None:
    sampler = Sampler(temperature=1, top_k=top_k, top_p=1, seed=0)

    assert {sampler.choose(torch.zeros(4)) for _ in range(100)} == {0, 1, 2, 3}


def test_the_nucleus_is_of_the_top_k() -> None:
    logits_V = torch.tensor([0.4, 0.25, 0.2, 0.15]).log()
    sampler = Sampler(temperature=1, top_k=2, top_p=0.61, seed=0)  # 0.4 of 0.65 is 0.615

    assert {sampler.choose(logits_V) for _ in range(100)} == {0}


@pytest.mark.parametrize("top_p", [1.0, 0.9])
def test_unlikely_ids_behind_the_others_change_no_draw(top_p: float) -> None:
    logits_V = torch.randn(50, generator=torch.Generator().manual_seed(0))
    more_V = torch.cat((logits_V, torch.full((7,), -30.0)))

    one, two = (Sampler(temperature=1, top_p=top_p, seed=5) for _ in range(2))

    draws = [one.choose(logits_V) for _ in range(200)]
    assert [two.choose(more_V) for _ in range(200)] == draws
    assert len(set(draws)) > 10


def test_draws_are_as_likely_as_they_should_be() -> None:
    sampler = Sampler(temperature=1, top_p=1, seed=0)
    p_V = torch.tensor([0.1, 0.0, 0.6, 0.3])

    draws = torch.tensor([sampler.choose(p_V.log()) for _ in range(4000)])

    torch.testing.assert_close(draws.bincount(minlength=4) / len(draws), p_V, atol=0.03, rtol=0)


@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_what_is_banned_is_never_drawn(temperature: float) -> None:
    sampler = Sampler(temperature=temperature, top_p=1, seed=1)
    logits_V = torch.tensor([9.0, float("-inf"), 0.0])

    assert 1 not in {sampler.choose(logits_V) for _ in range(100)}


def test_same_seed_draws_the_same() -> None:
    logits_V = torch.randn(50)
    one, two = (Sampler(temperature=1, top_p=1, seed=5) for _ in range(2))

    assert [one.choose(logits_V) for _ in range(9)] == [two.choose(logits_V) for _ in range(9)]


def test_item_seeds_differ_and_stay() -> None:
    assert item_seed(7, 0) != item_seed(7, 1) != item_seed(8, 0)
    assert item_seed(7, 0) == 926381044385793237
    assert 0 <= item_seed(-3, "text") < 2**63


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Sure. A red cat on grass.", "A red cat on grass."),
        ("One\nTwo\n\n", "Two"),
        ("Here is a cat: ", "Here is a cat"),
        ("*A red fox.* Shall I add snow?", "A red fox."),
        ("A red fox. Let me know if you'd like anything else!", "A red fox."),
        ("A red fox. Let me know if you’d like anything else!", "A red fox."),
        ("A red fox. I hope you like it! Feel free to ask. 😊", "A red fox."),
        ("A red fox, and please let me know if it should be bigger.", "A red fox"),
        ("Ein roter Fuchs im Schnee. Gefällt er dir?", "Ein roter Fuchs im Schnee."),
        ("一只红色的狐狸。你喜欢吗？", "一只红色的狐狸。"),
        ("A dog of 3.5 kg sleeps.", "A dog of 3.5 kg sleeps."),
        ("A portrait of Dr. Strange.", "A portrait of Dr. Strange."),
        ("Children who enjoy the sun", "Children who enjoy the sun"),
        ("A sunset over the U.S. coast.", "A sunset over the U.S. coast."),
        ("A thank you card with roses", "A thank you card with roses"),
        ("A red fox. Thank you for asking!", "A red fox."),
        ("A fox in the snow — tell me if it should be bigger!", "A fox in the snow"),
        ("A red fox. I can also draw it at night, if that helps.", "A red fox."),
        ("A red fox. Just ask if you want another. Have a great day!", "A red fox."),
        ("Voilà! Good luck. Cheers!", ""),
        ("Of course! Here you are:", ""),
        ("Let me know if you'd like anything else!", ""),
        ("Is it this one?", ""),
        ("😊", ""),
        (" . ", ""),
        ("", ""),
    ],
)
def test_caption_is_the_last_description_that_describes_something(text: str, sentence: str) -> None:
    assert last_description(text) == sentence


@pytest.mark.timeout(5)
def test_caption_of_a_long_text_takes_no_time() -> None:
    for piece in ("? ", "and, ", "and but so please ", "  ", "hope ", "ok ", "a.", "\n"):
        last_description(piece * 20_000 + "x let me know")


def test_caption_falls_back_on_what_the_user_said() -> None:
    turns = (Message("user", ("Draw", " a cat ")), Message("assistant", ("ok",)))

    assert caption("", turns) == "Draw a cat"
    assert caption("Sure, here you go! Would you like another?", turns) == "Draw a cat"
