"""Which prompts of a suite are asked: a fixed order in which every beginning is balanced.

A larger limit asks what a smaller one asked, and more. Asks nothing itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from nextgpt_registry.suites import Prompt


def choose(prompts: Sequence[Prompt], limit: int | None = None) -> list[Prompt]:
    """The first `limit` prompts, going round the directions and, in each, round the concepts."""
    by_direction: dict[str, list[Prompt]] = {}
    for prompt in prompts:
        by_direction.setdefault(prompt.direction, []).append(prompt)
    chosen = _in_turn([_by_concept(group) for group in by_direction.values()])
    return chosen if limit is None else chosen[:limit]


def _by_concept(prompts: Sequence[Prompt]) -> list[Prompt]:
    """Prompts of one direction, concepts in turn, in an order that no alphabet decides."""
    by_concept: dict[str, list[Prompt]] = {}
    for prompt in sorted(prompts, key=lambda prompt: _drawn(prompt.id)):
        by_concept.setdefault(prompt.concept or prompt.id, []).append(prompt)
    return _in_turn(list(by_concept.values()))


def _in_turn(groups: Sequence[Sequence[Prompt]]) -> list[Prompt]:
    longest = max(map(len, groups), default=0)
    return [group[n] for n in range(longest) for group in groups if n < len(group)]


def _drawn(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
