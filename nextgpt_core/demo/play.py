"""A scripted conversation, played: what was asked, what came. Judges numbers, never contents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nextgpt_core.answer import Answer
from nextgpt_core.demo.script import TEXT, Line, Talk

if TYPE_CHECKING:
    from nextgpt_core.pipeline import Pipeline


@dataclass(frozen=True)
class Exchange:
    """A turn and its answer; `talk` and `number` count from 1."""

    talk: int
    number: int
    line: Line
    answer: Answer

    @property
    def got(self) -> tuple[str, ...]:
        """What the answer holds, in order: `text` at most once, and the channels of its media."""
        words = (TEXT,) if self.answer.text.strip() else ()
        return (*words, *(made.channel for made in self.answer.media))

    @property
    def missing(self) -> tuple[str, ...]:
        """What was asked for and did not come."""
        return tuple((Counter(self.line.want) - Counter(self.got)).elements())

    @property
    def unasked(self) -> tuple[str, ...]:
        """The media that nobody asked for."""
        return tuple((Counter(self.got) - Counter(self.line.want) - Counter([TEXT])).elements())


@dataclass(frozen=True)
class Played:
    """Everything there is to show."""

    system: str
    title: str
    notes: tuple[str, ...]
    talks: tuple[str, ...]  # their titles
    exchanges: tuple[Exchange, ...]
    load_s: float = 0.0  # until the system could be asked
    facts: Mapping[str, str] = field(default_factory=dict)  # of the run: versions, device, date

    @property
    def missed(self) -> tuple[Exchange, ...]:
        """The answers that lack something."""
        return tuple(exchange for exchange in self.exchanges if exchange.missing)

    @property
    def answering_s(self) -> float:
        """All answers together."""
        return sum(exchange.answer.timings.total_s for exchange in self.exchanges)


def play(
    pipeline: Pipeline,
    talks: Sequence[Talk],
    *,
    seed: int | None = None,
    starting: Callable[[Line], None] = lambda line: None,
) -> Iterator[Exchange]:
    """The answers, one after the other; each turn has a seed of its own.

    A line's own seed wins; the others count up from `seed`, by default the config's.
    """
    first = pipeline.config.generation.seed if seed is None else seed
    number = 0
    for at, talk in enumerate(talks, 1):
        conversation = pipeline.conversation()
        for line in talk.lines:
            starting(line)
            own = first + number if line.seed is None else line.seed
            number += 1
            yield Exchange(at, number, line, conversation.say([*line.parts], seed=own))


def exchange_json(exchange: Exchange) -> dict[str, Any]:
    """One turn as `nextgpt demo --json` prints it."""
    answer = exchange.answer
    return {
        "number": exchange.number,
        "conversation": exchange.talk,
        "direction": exchange.line.direction,
        "asked": list(exchange.line.want),
        "got": list(exchange.got),
        "missing": list(exchange.missing),
        "failed": [{"channel": f.channel, "message": str(f.error)} for f in answer.failures],
        "text": answer.text,
        "seed": answer.seed,
        "first_text_s": answer.timings.first_text_s,
        "seconds": [round(made.seconds, 4) for made in answer.media],
        "total_s": answer.timings.total_s,
    }
