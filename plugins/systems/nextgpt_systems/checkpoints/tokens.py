"""Which rows of a checkpoint are signals, read from its own list of added tokens.

The trap of the published one. Until November 2023 the code added `<Img>` and `</Img>` to the
tokenizer as Python sets, which became tokens spelled `{'<Img>'}` and `{'</Img>'}`: text never
holds them. So the weights were trained with `<Img>` cut into ordinary pieces, and rows 32000 and
32001 were never trained as marks of a medium. The right tokenizer is the language model's own,
with no token added: it cuts `<Img>` as training did. A list that holds a plain `<Img>` belongs to
other weights, or was repaired later and would feed an untrained row before every medium.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from nextgpt_registry.documents import json_of
from nextgpt_registry.errors import SourceError

ADDED = "added_tokens.json"
_MODEL = "tokenizer.model"
_MARKS = ("<Img>", "</Img>")
_TOLD = 5  # of the tokens that are not there


def read_added(folder: Path) -> dict[str, int]:
    """The tokens that a checkpoint's tokenizer added, with their ids.

    Raises:
        SourceError: the list is not there, or cannot be read.
    """
    path = folder / ADDED
    try:
        found = json_of(path.read_bytes())
        return {str(token): int(number) for token, number in found.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise SourceError(
            str(path),
            f"cannot be read: {error}",
            "take it from where the checkpoint was published: it says which rows are signals",
        ) from error


def first_ids(
    added: Mapping[str, int], signals: Mapping[str, list[str]], who: str
) -> dict[str, int]:
    """The id of each channel's first signal, by the tokens `signals` of each channel.

    Raises:
        SourceError: one is not there, or a group is not numbered in order.
    """
    absent = [token for tokens in signals.values() for token in tokens if token not in added]
    if absent:
        more = f" and {len(absent) - _TOLD} more" if len(absent) > _TOLD else ""
        raise SourceError(
            who,
            f"is another tokenizer: it lacks {', '.join(absent[:_TOLD])}{more}",
            "use the tokenizer files that were published with the checkpoint",
        )
    for tokens in signals.values():
        ids = [added[token] for token in tokens]
        if ids != list(range(ids[0], ids[0] + len(ids))):
            raise SourceError(
                who,
                f"numbers {tokens[0]} to {tokens[-1]} as {ids}",
                "use the tokenizer files that were published with the checkpoint",
            )
    return {channel: added[tokens[0]] for channel, tokens in signals.items()}


def check_marks(added: Mapping[str, int], who: str) -> None:
    """Hold that `<Img>` and `</Img>` are no tokens, as when the published weights were trained.

    Raises:
        SourceError: they are.
    """
    plain = [mark for mark in _MARKS if mark in added]
    if plain:
        raise SourceError(
            who,
            f"has {' and '.join(plain)} as tokens; the published weights were trained with a "
            "tokenizer that has {'<Img>'} in their place and cuts <Img> into pieces",
            "use the added_tokens.json (746 bytes) that was published with the checkpoint",
        )


def check_same_tokenizer(folder: Path, llm: Path) -> None:
    """Hold the language model's tokenizer against the checkpoint's, where both are there.

    Raises:
        SourceError: they differ, or the language model's has tokens added.
    """
    ours, theirs = llm / _MODEL, folder / _MODEL
    if ours.is_file() and theirs.is_file() and _hash(ours) != _hash(theirs):
        raise SourceError(
            str(ours),
            "is not the tokenizer that the checkpoint was trained with",
            f"use the language model it was trained on, with {theirs}",
        )
    if (llm / ADDED).is_file():
        added = read_added(llm)
        check_marks(added, str(llm / ADDED))


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
