from __future__ import annotations

import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nextgpt_core.signal import Grammar, SignalVocabulary
from nextgpt_registry.errors import LockError, RequestError
from nextgpt_registry.lock import Signals

BASE = 10
EOS = 2
SIGNALS = Signals(base=BASE).extended({"photo": (4, ""), "ping": (1, ""), "video": (3, "")})
VOCABULARY = SignalVocabulary.of(SIGNALS)

pieces = st.one_of(
    st.lists(st.integers(0, BASE - 1), min_size=1, max_size=4).map(tuple),
    st.sampled_from([block.ids for block in VOCABULARY.blocks]),
)
streams = st.lists(pieces, max_size=8).map(lambda parts: [t for part in parts for t in part])
any_ids = st.lists(st.integers(0, VOCABULARY.end - 1), max_size=40)


def groups(ids: list[int]) -> list[tuple[int, str]]:
    return [(place, block.channel) for place, block in VOCABULARY.groups(ids)]


# --- vocabulary ---


def test_new_channel_keeps_old_signal_ids() -> None:
    longer = SignalVocabulary.of(SIGNALS.extended({"smell": (2, ""), "photo": (4, "")}))

    assert longer.blocks[:3] == VOCABULARY.blocks
    assert longer.block("smell").ids == (18, 19)
    assert longer.end == 20


def test_ids_are_placed() -> None:
    assert VOCABULARY.channel_of(15) == "video"
    assert [t for t in range(20) if VOCABULARY.is_first(t)] == [10, 14, 15]
    with pytest.raises(KeyError):
        VOCABULARY.block_of(9)


def test_a_lock_with_a_hole_is_refused() -> None:
    first, _, third = SIGNALS.blocks

    with pytest.raises(LockError, match="append-only"):
        SignalVocabulary.of(Signals(base=BASE, blocks=(first, third)))


@given(streams)
def test_every_group_is_found_where_it_stands(stream: list[int]) -> None:
    firsts = [place for place, token in enumerate(stream) if VOCABULARY.is_first(token)]

    assert groups(stream) == [(place, VOCABULARY.channel_of(stream[place])) for place in firsts]


@given(any_ids)
def test_groups_are_whole_and_apart(stream: list[int]) -> None:
    end = 0
    for place, block in VOCABULARY.groups(stream):
        assert tuple(stream[place : place + block.count]) == block.ids
        assert place >= end
        end = place + block.count


def test_a_torn_group_is_none() -> None:
    assert groups([10, 11, 3, 12, 13, 14, 16]) == [(5, "ping")]


# --- grammar ---


def write(grammar: Grammar, seed: int, limit: int = 60) -> list[int]:
    """Sample ids evenly among all that the grammar lets through."""
    chance, state, ids = random.Random(seed), grammar.start(), list[int]()
    while len(ids) < limit:
        logits = grammar.mask_(torch.zeros(VOCABULARY.end), state)
        options = torch.nonzero(logits > float("-inf")).flatten().tolist()
        state, new = grammar.accept(state, chance.choice(options))
        if not new:
            return ids
        ids += new
    return ids + [t for name in grammar.missing(state) for t in VOCABULARY.block(name).ids]


@given(
    st.integers(),
    st.dictionaries(st.sampled_from(VOCABULARY.channels), st.integers(0, 3)),
    st.integers(0, 6),
)
def test_answers_have_whole_groups_and_what_was_required(
    seed: int, required: dict[str, int], spare: int
) -> None:
    max_media = sum(required.values()) + spare
    grammar = Grammar(VOCABULARY, eos={EOS}, required=required, max_media=max_media)

    ids = write(grammar, seed)

    made = [channel for _, channel in groups(ids)]
    whole = sum(VOCABULARY.block(channel).count for channel in made)
    assert whole == sum(map(VOCABULARY.is_signal, ids))
    assert all(made.count(channel) >= count for channel, count in required.items())
    assert len(made) <= max_media


@given(st.integers())
def test_channels_not_allowed_and_ids_never_allowed_are_not_written(seed: int) -> None:
    grammar = Grammar(VOCABULARY, eos={EOS}, channels=("ping",), never=(5,))

    ids = write(grammar, seed)

    assert {VOCABULARY.channel_of(t) for t in ids if VOCABULARY.is_signal(t)} <= {"ping"}
    assert 5 not in ids


def test_an_early_end_opens_the_required_group() -> None:
    grammar = Grammar(VOCABULARY, eos={EOS}, required={"video": 1})

    state, ids = grammar.accept(grammar.start(), EOS)
    _, nothing = grammar.accept(state, EOS)

    assert (ids, nothing) == ((15, 16, 17), ())


@pytest.mark.parametrize("count", [4, 10**18])
def test_requiring_more_than_an_answer_holds_says_how_to_raise_it(count: int) -> None:
    with pytest.raises(RequestError, match=rf"{count} media are required") as caught:
        Grammar(VOCABULARY, eos={EOS}, required={"video": count}, max_media=3)

    assert f"generation.max_media={count}" in caught.value.fix


def test_requiring_what_cannot_be_made_is_named() -> None:
    with pytest.raises(RequestError, match=r"smell: the system makes no such media"):
        Grammar(VOCABULARY, eos={EOS}, required={"smell": 1})


def test_without_signals_everything_may_be_written() -> None:
    grammar = Grammar(SignalVocabulary(BASE), eos={EOS})

    assert grammar.mask_(torch.zeros(BASE), grammar.start()).isfinite().all()
