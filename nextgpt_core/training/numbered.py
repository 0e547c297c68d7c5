"""What a stage's target returned, as numbered dialogues; what is none is refused at once.

The contract is `nextgpt_registry.protocols.NumberedDialogues`. Knows neither order nor batches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from nextgpt_registry.errors import NextGPTError, TrainingError
from nextgpt_registry.fetch.progress import tracked
from nextgpt_registry.messages import Dialogue, MediaPart, Message

UNSEEN = 1 << 40
"""Where numbers that are kept from training start in a source without an end."""

MOST_LISTED = 10_000
"""Dialogues that are read of what can only be iterated, unless a run says how many."""

_CONTRACT = (
    "return a list of dialogues, or an object with [number] and, if it has an end, len(): "
    "NumberedDialogues in nextgpt_registry/protocols.py"
)


@dataclass(frozen=True)
class Numbered:
    """Dialogues by number; whatever goes wrong in them is put to the account of `who`."""

    source: Any
    who: str
    length: int | None  # None: without an end

    def __getitem__(self, number: int) -> Dialogue:
        """The dialogue of this number, its messages checked.

        Raises:
            TrainingError: the source raises, or gives something else.
        """
        with _blamed(f"{self.who}, dialogue {number}"):
            dialogue = self.source[number]
        messages = tuple(dialogue) if isinstance(dialogue, Sequence) else ()
        if not messages or not all(map(_is_message, messages)):
            raise TrainingError(
                f"{self.who}, dialogue {number}",
                f"is {_kind(dialogue)}, no sequence of messages that hold text and MediaPart",
                'write it as (Message("user", ("text", MediaPart(…))), Message("assistant", …))',
            )
        return messages


def numbered(source: Any, *, who: str = "training data", of: int = 0) -> Numbered:
    """The source with its contract checked by its first dialogue, and a late one if it is endless.

    What can only be iterated is listed: the first `of`, or all if they are at most `MOST_LISTED`.

    Raises:
        TrainingError: it is no source of numbered dialogues.
    """
    if isinstance(source, Numbered):
        return source
    if isinstance(source, type) or not hasattr(source, "__getitem__"):
        source = _listed(source, who, of)
    length = None
    if hasattr(source, "__len__"):
        with _blamed(f"{who}, its length"):
            length = len(source)
    if length == 0:
        raise TrainingError(who, "there is not one dialogue", "look at its options")
    found = Numbered(source, who, length)
    for number in (0, UNSEEN) if length is None else (0,):
        found[number]  # what is wrong is told now, and not by a thread in the middle of a run
    return found


def _listed(source: Any, who: str, of: int) -> list[Any]:
    if isinstance(source, type) or not isinstance(source, Iterable):
        raise TrainingError(who, f"the target returned {_kind(source)}", _CONTRACT)
    most = of or MOST_LISTED
    with _blamed(f"{who}, going through it"):
        found = list(islice(tracked(source, f"reading {who}"), most if of else most + 1))
    if len(found) > most:
        raise TrainingError(
            who,
            f"can only be gone through, and does not end within {most:,} dialogues",
            f"{_CONTRACT}; or say how many are enough: `dialogues: {most}` in the stage's `run`",
        )
    return found


@contextmanager
def _blamed(who: str) -> Iterator[None]:
    try:
        yield
    except NextGPTError:
        raise
    except Exception as error:  # the target's code: anything may come out of it
        what = f"{type(error).__name__}: {error}"
        raise TrainingError(
            who, what, f"the error's cause has the traceback; {_CONTRACT}"
        ) from error


def _is_message(value: object) -> bool:
    if not isinstance(value, Message) or isinstance(value.parts, str):
        return False
    return all(isinstance(part, str | MediaPart) for part in value.parts)


def _kind(value: object) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"
