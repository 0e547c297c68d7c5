"""The data of training: batches, passes over a source, what is kept, what is rehearsed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import pytest

from nextgpt_core.prompt.compose import Prompt
from nextgpt_core.training.data import Batches, Dialogues, Rehearsed
from nextgpt_core.training.settings import RunSettings
from nextgpt_registry import Message, TrainingError


def length(turns: Sequence[Message]) -> Prompt:
    size = len(turns[0].text)
    return Prompt(ids=(0,) * size, keys=(0,) * size, labels=(0,) * size)


class Numbered:
    """Dialogue n is n % 7 + 1 letters long."""

    def __getitem__(self, number: int) -> tuple[Message, ...]:
        return (Message("user", ("x" * (number % 7 + 1),)), Message("assistant", (str(number),)))


def numbers(passes: list[list[Any]]) -> list[int]:
    return [int(example.messages[1].text) for examples in passes for example in examples]


def test_batches_are_alike_in_length_and_follow_from_their_number() -> None:
    settings = RunSettings(batch=4, window=3, accumulation=2, workers=2)

    def passes(steps: Sequence[int]) -> list[list[Any]]:
        batches = Batches(Dialogues(Numbered(), keep=0, seed=0), length, settings)
        found = [one for step in steps for one in batches.step(step)]
        batches.close()
        return found

    whole = passes(range(3))

    assert sorted(numbers(whole)) == list(range(24))
    assert numbers(passes([2])) == numbers(whole[4:])
    spread = [max(map(span, part)) - min(map(span, part)) for part in whole]
    assert max(spread) <= 3


def test_a_large_batch_goes_through_in_parts() -> None:
    settings = RunSettings(batch=8, window=1, pass_tokens=20, workers=0)
    batches = Batches(Dialogues(Numbered(), keep=0, seed=0), length, settings)

    passes = batches.step(0)
    batches.close()

    assert sorted(numbers(passes)) == list(range(8))
    assert len(passes) == 3
    assert all(len(part) * max(map(span, part)) <= 21 for part in passes)


def test_a_dialogue_that_is_too_long_is_left_out_whole() -> None:
    settings = RunSettings(batch=7, window=1, max_tokens=5, workers=0)
    batches = Batches(Dialogues(Numbered(), keep=0, seed=0), length, settings)

    [passed] = batches.step(0)
    batches.close()

    assert sorted(map(span, passed)) == [1, 2, 3, 4, 5]
    assert batches.left_out == 2


def span(example: Any) -> int:
    return len(example.prompt)


def test_a_finite_source_is_gone_through_in_another_order_each_time() -> None:
    source = [Numbered()[n] for n in range(40)]
    dialogues = Dialogues(source, keep=8, seed=0)

    first = [dialogues.training(n)[1].text for n in range(36)]
    second = [dialogues.training(n)[1].text for n in range(36, 72)]
    kept = [turns[1].text for turns in dialogues.kept(8)]

    assert kept == ["36", "37", "38", "39"]  # a tenth is the most that is spared
    assert sorted(first) == sorted(second) == sorted(map(str, range(36)))
    assert first != second


def test_orders_follow_from_the_seed() -> None:
    def order(seed: int) -> list[str]:
        dialogues = Dialogues([Numbered()[n] for n in range(40)], keep=0, seed=seed)
        return [dialogues.training(n)[1].text for n in range(40)]

    assert order(1) == order(1) != order(2)


def test_batches_that_were_sorted_together_come_in_an_order_of_the_seed() -> None:
    def lengths(seed: int) -> list[int]:
        settings = RunSettings(batch=7, window=7, workers=0, seed=seed)
        batches = Batches(Dialogues(Numbered(), keep=0, seed=0), length, settings)
        found = [span(example) for n in range(7) for part in batches.step(n) for example in part]
        batches.close()
        return found[::7]

    assert sorted(lengths(1)) == list(range(1, 8)) != lengths(1)
    assert lengths(1) == lengths(1) != lengths(2)


def test_what_is_kept_from_an_endless_source_is_never_trained_on() -> None:
    dialogues = Dialogues(Numbered(), keep=3, seed=0)

    kept = [int(turns[1].text) for turns in dialogues.kept(3)]

    assert min(kept) > 10**12


def test_of_an_endless_source_so_many_may_be_enough() -> None:
    dialogues = Dialogues(Numbered(), keep=3, seed=0, of=5)

    passes = [[dialogues.training(5 * n + k)[1].text for k in range(5)] for n in range(3)]

    assert [sorted(one) for one in passes] == [["0", "1", "2", "3", "4"]] * 3
    assert len({tuple(one) for one in passes}) > 1
    assert min(int(turns[1].text) for turns in dialogues.kept(3)) > 10**12


@pytest.mark.parametrize("share", [0.25, 0.5, 0.7])
def test_rehearsal_mixes_a_share_of_others_in_and_passes_none_over(share: float) -> None:
    own, first, second = (Dialogues(Numbered(), keep=3, seed=0, of=of) for of in (0, 1, 1))
    mixed = Rehearsed(own, [first, second], share)

    sources = {id(own): "own", id(first): "first", id(second): "second"}
    asked: dict[str, list[int]] = {name: [] for name in sources.values()}

    def spy(dialogues: Dialogues) -> None:
        training, name = dialogues.training, sources[id(dialogues)]

        def told(number: int) -> Any:
            asked[name].append(number)
            return training(number)

        dialogues.training = told  # type: ignore[method-assign]

    for dialogues in (own, first, second):
        spy(dialogues)
    for number in range(40):
        mixed.training(number)

    others = len(asked["first"]) + len(asked["second"])
    assert others == pytest.approx(40 * share, abs=1)
    assert all(numbers == list(range(len(numbers))) for numbers in asked.values())
    assert len(asked["first"]) - len(asked["second"]) in (0, 1)
    assert mixed.kept(3) == own.kept(3)


class Ended:
    """Ten dialogues, which does not say so."""

    def __getitem__(self, number: int) -> tuple[Message, ...]:
        return [Numbered()[n] for n in range(10)][number]


class Unordered:
    """Refuses its numbers, as the base class of iterable data sets of PyTorch does."""

    def __getitem__(self, number: int) -> tuple[Message, ...]:
        raise NotImplementedError


def endless() -> Iterator[tuple[Message, ...]]:
    return (Numbered()[n] for n in count())


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ([], "there is not one dialogue"),
        (3, "the target returned a int"),
        (None, "the target returned a NoneType"),
        (Numbered, "the target returned the class Numbered"),
        ([("no", "turns")], "dialogue 0: is .* no sequence of messages"),
        ([()], "dialogue 0: is .* no sequence of messages"),
        (["text"], "dialogue 0: is .* no sequence of messages"),
        ([(Message("user", "text"),)], "dialogue 0: is .* no sequence of messages"),  # type: ignore[arg-type]
        ([(Message("user", (3,)),)], "dialogue 0: is .* no sequence of messages"),  # type: ignore[arg-type]
        ({"first": Numbered()[0]}, "dialogue 0: KeyError: 0"),
        (Ended(), f"dialogue {1 << 40}: IndexError"),
        (Unordered(), "dialogue 0: NotImplementedError"),
        (endless(), "does not end within 10,000 dialogues"),
        ((1 // n for n in (1, 0)), "going through it: ZeroDivisionError"),
        ((Numbered()[n] for n in ()), "there is not one dialogue"),
    ],
)
def test_a_source_that_is_none_is_refused_at_once(source: Any, says: str) -> None:
    with pytest.raises(TrainingError, match=rf"training data.*{says}"):
        Dialogues(source, keep=0, seed=0)


@pytest.mark.parametrize("of", [0, 5])
def test_what_ends_and_can_only_be_gone_through_is_listed(of: int) -> None:
    dialogues = Dialogues((Numbered()[n] for n in range(12)), keep=0, seed=0, of=of)

    first = {dialogues.training(n)[1].text for n in range(of or 12)}

    assert first == set(map(str, range(of or 12)))


def test_of_an_iterator_without_an_end_so_many_may_be_enough() -> None:
    dialogues = Dialogues(endless(), keep=0, seed=0, of=5)

    passes = [[dialogues.training(5 * n + k)[1].text for k in range(5)] for n in range(2)]

    assert [sorted(one) for one in passes] == [["0", "1", "2", "3", "4"]] * 2


def test_a_dialogue_that_cannot_be_made_is_told_with_its_number() -> None:
    dialogues = Dialogues([Numbered()[0], 7], keep=0, seed=0)

    with pytest.raises(TrainingError, match="training data, dialogue 1: is a int, no sequence"):
        [dialogues.training(n) for n in range(2)]
