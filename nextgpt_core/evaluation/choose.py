"""Which prompts of a suite are asked: a fixed order in which every beginning is balanced.

A larger limit asks what a smaller one asked, and more; a conversation may be broken off by it.
Asks nothing itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from nextgpt_registry.errors import ConfigError
from nextgpt_registry.suites import Prompt

Conversation = list[Prompt]


def choose(prompts: Sequence[Prompt], limit: int | None = None) -> list[Prompt]:
    """The first `limit` prompts, going round the directions and, in each, round the groups.

    Raises:
        ConfigError: one follows no prompt before it.
    """
    by_direction: dict[str, list[Conversation]] = {}
    for conversation in conversations(prompts):
        by_direction.setdefault(conversation[0].direction, []).append(conversation)
    chosen = _in_turn([_by_group(found) for found in by_direction.values()])
    return [prompt for conversation in chosen for prompt in conversation][:limit]


def conversations(prompts: Sequence[Prompt]) -> list[Conversation]:
    """Prompts with those that follow them, in order; most are alone.

    Raises:
        ConfigError: one follows no prompt before it, or the same as another.
    """
    found: list[Conversation] = []
    last: dict[str, Conversation] = {}
    for prompt in prompts:
        begun = last.pop(prompt.follows, None) if prompt.follows else []
        if begun is None:
            raise ConfigError(
                f"prompt {prompt.id}",
                f"follows {prompt.follows!r}, which is none before it or is followed already",
                "put it after the prompt that it follows",
            )
        if not begun:
            found.append(begun)
        begun.append(prompt)
        last[prompt.id] = begun
    return found


def _by_group(found: Sequence[Conversation]) -> list[Conversation]:
    """Conversations of one direction, groups in turn, in an order that no alphabet decides."""
    by_group: dict[str, list[Conversation]] = {}
    for conversation in sorted(found, key=lambda one: _drawn(one[0].id)):
        by_group.setdefault(conversation[0].group, []).append(conversation)
    return _in_turn(list(by_group.values()))


def _in_turn(groups: Sequence[Sequence[Conversation]]) -> list[Conversation]:
    longest = max(map(len, groups), default=0)
    return [group[n] for n in range(longest) for group in groups if n < len(group)]


def _drawn(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
