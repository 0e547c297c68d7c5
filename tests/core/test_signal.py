from __future__ import annotations

import itertools
import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nextgpt_core.signal import (
    Grammar,
    GroupSpan,
    Scanner,
    SignalVocabulary,
    Span,
    StraySpan,
    TextSpan,
)
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


def merged(spans: list[Span]) -> list[Span]:
    found: list[Span] = []
    for span in spans:
        last = found[-1] if found else None
        if isinstance(span, TextSpan) and isinstance(last, TextSpan):
            found[-1] = TextSpan(last.ids + span.ids, last.start)
        else:
            found.append(span)
    return found


def scan(chunks: list[list[int]]) -> list[Span]:
    scanner = Scanner(VOCABULARY)
    spans = [span for chunk in chunks for span in scanner.feed(chunk)]
    return merged(spans + scanner.flush())


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


# --- scanner ---


@given(streams, st.data())
def test_any_cutting_gives_the_same_spans(stream: list[int], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    edges = [0, *cuts, len(stream)]
    chunks = [stream[a:b] for a, b in itertools.pairwise(edges)]

    spans = scan(chunks)

    assert spans == scan([stream])
    assert not any(isinstance(span, StraySpan) for span in spans)


@given(any_ids)
def test_no_id_is_lost_moved_or_misread(stream: list[int]) -> None:
    spans = scan([stream])

    assert [t for span in spans for t in span.ids] == stream
    for span in spans:
        assert stream[span.start : span.start + len(span.ids)] == list(span.ids)
        assert isinstance(span, TextSpan) == (span.ids[0] < BASE)
        if isinstance(span, GroupSpan):
            assert span.ids == VOCABULARY.block(span.channel).ids


def test_a_torn_group_is_never_text() -> None:
    assert scan([[10, 11, 3, 12, 13, 14, 16]]) == [
        StraySpan((10, 11), 0),
        TextSpan((3,), 2),
        StraySpan((12, 13), 3),
        GroupSpan("ping", (14,), 5),
        StraySpan((16,), 6),
    ]


def test_text_is_passed_on_at_once_and_groups_when_whole() -> None:
    scanner = Scanner(VOCABULARY)

    assert scanner.feed([1]) == [TextSpan((1,), 0)]
    assert scanner.feed([15, 16]) == []
    assert scanner.feed([17]) == [GroupSpan("video", (15, 16, 17), 1)]


# --- grammar ---


def write(grammar: Grammar, seed: int, limit: int = 60) -> list[int]:
    """Sample ids evenly among all that the grammar lets through."""
    chance, state, ids = random.Random(seed), grammar.start(), []
    while not state.ended and len(ids) < limit:
        logits = grammar.mask_(torch.zeros(VOCABULARY.end), state)
        options = torch.nonzero(logits > float("-inf")).flatten().tolist()
        state, new = grammar.accept(state, chance.choice(options))
        ids += new
    return ids if state.ended else ids + list(grammar.rest(state))


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

    spans = scan([write(grammar, seed)])

    groups = [span.channel for span in spans if isinstance(span, GroupSpan)]
    assert not any(isinstance(span, StraySpan) for span in spans)
    assert all(groups.count(channel) >= count for channel, count in required.items())
    assert len(groups) <= max_media


@given(st.integers())
def test_channels_not_allowed_and_ids_never_allowed_are_not_written(seed: int) -> None:
    grammar = Grammar(VOCABULARY, eos={EOS}, channels=("ping",), never=(5,))

    spans = scan([write(grammar, seed)])

    assert {s.channel for s in spans if isinstance(s, GroupSpan)} <= {"ping"}
    assert all(5 not in span.ids for span in spans)


def test_an_early_end_opens_the_required_group() -> None:
    grammar = Grammar(VOCABULARY, eos={EOS}, required={"video": 1})

    state, ids = grammar.accept(grammar.start(), EOS)
    ended, nothing = grammar.accept(state, EOS)

    assert ids == (15, 16, 17)
    assert (ended.ended, nothing) == (True, ())


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
