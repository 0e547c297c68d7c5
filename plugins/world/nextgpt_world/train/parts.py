"""What trainings of small parts share: where a run is, what a quiz asks, how it is marked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from random import Random

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from nextgpt_core.training.module import Run
from nextgpt_registry.errors import TrainingError
from nextgpt_registry.fetch.cache import cache_dir
from nextgpt_world.judge.questions import UNSAID


def run_of(
    part: str, whose: str, known: Mapping[str, int], *, steps: int | None, folder: Path | None
) -> Run:
    """The run of a plugin's part: `known` has the steps of each, and runs lie in the cache.

    Raises:
        TrainingError: it has no such part.
    """
    if part not in known:
        raise TrainingError(whose, f"no part {part!r}", f"one of: {', '.join(known)}")
    return Run((folder or cache_dir() / "runs" / whose) / part, steps or known[part])


def drawn(
    example: Callable[[Random], tuple[str, list[int]]], seed: str, count: int
) -> tuple[list[str], Tensor]:
    """So many texts and, (count, questions), the right answers by number; from the seed alone."""
    rng = Random(seed)
    texts, wanted = zip(*(example(rng) for _ in range(count)), strict=True)
    return list(texts), torch.tensor(wanted)


def wrong(scores: Sequence[Tensor], wanted_BQ: Tensor) -> Tensor:
    """Scores (B, answers) of each question -> (): the sum of their cross-entropies.

    A question that a whole batch leaves open is left out.
    """
    losses = [
        cross_entropy(s.float(), wanted_BQ[:, n], ignore_index=UNSAID, label_smoothing=0.02)
        for n, s in enumerate(scores)
        if (wanted_BQ[:, n] != UNSAID).any()
    ]
    return torch.stack(losses).sum()


def shares_right(
    found: Iterable[Mapping[str, str]], wanted: Iterable[Mapping[str, str]]
) -> dict[str, float]:
    """By fact: how often it was found as it is, of all times that it was there."""
    right: dict[str, list[bool]] = {}
    for said, true in zip(found, wanted, strict=True):
        for fact, value in true.items():
            right.setdefault(fact, []).append(said.get(fact) == value)
    return {fact: round(sum(hits) / len(hits), 4) for fact, hits in right.items()}
