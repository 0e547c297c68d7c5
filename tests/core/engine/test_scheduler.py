"""Who reads on in the next pass: fair, bounded, and starving nobody, by a clock of positions."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextgpt_core.engine.scheduler import Scheduler, Turn


@dataclass(eq=False)
class Sequence:
    """So long a prompt, then tokens one by one."""

    prompt: int = 0
    alone: bool = False
    group: int = 1
    whole: int = 1  # what is never cut: so many positions at a time
    written: int = 0

    @property
    def writes(self) -> bool:
        return self.prompt == 0

    @property
    def unread(self) -> int:
        return self.prompt or self.group

    def chunk(self, most: int) -> int:
        return max(self.whole, most // self.whole * self.whole)

    def take(self, count: int) -> None:
        if self.writes:
            self.written += 1
        else:
            self.prompt -= count


def scheduled(*sequences: Sequence, rows: int = 8, positions: int = 64) -> Scheduler[Sequence]:
    scheduler: Scheduler[Sequence] = Scheduler(rows=rows, positions=positions)
    for one in sequences:
        scheduler.add(one)
    return scheduler


def step(scheduler: Scheduler[Sequence]) -> list[Turn[Sequence]]:
    turns = scheduler.next(set(scheduler))
    for turn in turns:
        turn.who.take(turn.count)
    return turns


def test_whoever_writes_is_in_every_pass_however_long_a_prompt_is() -> None:
    long, short, group = Sequence(2000), Sequence(), Sequence(group=8)
    scheduler = scheduled(long, short, group)

    turns = [step(scheduler) for _ in range(10)]

    assert all({turn.who for turn in one} == {long, short, group} for one in turns)
    assert {sum(turn.count for turn in one) for one in turns} == {64 + 1 + 8}


def test_short_prompt_beside_a_long_one_takes_less_than_twice_its_time() -> None:
    long, short = Sequence(2000), Sequence(96)
    scheduler, clock = scheduled(long), 0

    clock += sum(turn.count for turn in step(scheduler)) // 2  # it comes while a pass is under way
    scheduler.add(short)
    while not short.writes:
        clock += sum(turn.count for turn in step(scheduler))

    assert clock <= 2 * 96


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=6))
def test_oldest_prompt_advances_in_every_pass(lengths: list[int]) -> None:
    scheduler = scheduled(*(Sequence(length) for length in lengths), rows=10_000)
    waiting = list(scheduler)

    while waiting := [one for one in waiting if not one.writes]:
        before = waiting[0].prompt
        turns = step(scheduler)
        scheduler.add(Sequence(5))  # an endless stream of short ones

        assert before - waiting[0].prompt >= min(before, 16)
        assert sum(turn.count for turn in turns if turn.count > 1) <= 64


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_more_than_fit_take_turns_in_order(rows: int) -> None:
    sequences = [Sequence() for _ in range(6)]
    scheduler = scheduled(*sequences, rows=rows)

    order = [turn.who for _ in range(12 // rows) for turn in step(scheduler)]

    assert order == sequences * 2


def test_one_that_runs_alone_takes_turns_with_the_company() -> None:
    first, alone, third = Sequence(), Sequence(alone=True), Sequence()
    scheduler = scheduled(first, alone, third)

    passes = [{turn.who for turn in step(scheduler)} for _ in range(6)]

    assert passes == [{first, third}, {alone}] * 3


def test_one_that_is_not_ready_holds_nobody_up() -> None:
    paused, other = Sequence(), Sequence()
    scheduler = scheduled(paused, other)

    turns = [scheduler.next({other}) for _ in range(3)]

    assert [[turn.who for turn in one] for one in turns] == [[other]] * 3
    assert scheduler.next(set()) == []


def test_what_is_never_cut_is_read_whole() -> None:
    medium = Sequence(200, whole=100)
    scheduler = scheduled(medium)

    assert [turn.count for _ in range(2) for turn in step(scheduler)] == [100, 100]


def test_one_that_has_gone_has_no_turn() -> None:
    gone, other = Sequence(), Sequence()
    scheduler = scheduled(gone, other)

    scheduler.remove(gone)

    assert [turn.who for turn in step(scheduler)] == [other]
    assert len(scheduler) == 1
