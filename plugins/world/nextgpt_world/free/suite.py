"""The suite `any2any-free`: what a new user says, in words that no training dialogue shares.

Its requests are data: written by hand, or from templates that are for this suite alone; those of
a template are one *family*, and count as one. A line may follow another, so that a conversation
is that of the system itself. `requests` says how they are written down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nextgpt_registry.errors import ConfigError
from nextgpt_registry.suites import AtMost, Suite
from nextgpt_world.free.requests import prompts
from nextgpt_world.suite import JUDGES

WORDS = ("statement", "negation", "question")
MADE = ("image", "video", "audio", "several")

GOALS: Mapping[str, float | AtMost] = {
    **{f"{group}/structure": 0.97 for group in WORDS},
    **{f"{group}/structure": 0.95 for group in MADE},
    **{f"{group}/said": 0.99 for group in MADE},  # of what it can make it refuses nothing
    **{f"{group}/concept": 0.92 for group in ("image", "audio")},
    **{f"{group}/attributes": 0.85 for group in ("image", "audio")},
    "video/concept": 0.90,
    **{f"{group}/right": 0.90 for group in ("outside", "itself", "yes-no", "which")},
    "conversation/right": 0.88,
    **{f"{style}/concept": 0.85 for style in ("twemoji", "openmoji", "tuxpaint")},
    "timgm/concept": 0.75,
    "unknown/right": 0.80,
    "chat/false_media": AtMost(0.005),
    **{f"baseline/{shape}": 0.90 for shape in ("length", "lists", "code")},
    "baseline/loops": AtMost(0.0),
    "perplexity/ratio": AtMost(1.02),
}


def any2any_free(*, groups: Sequence[str] = ()) -> Suite:
    """Statements, wishes in any wording, conversations, media by other hands, and plain chat.

    `groups` asks those alone: `["statement", "negation"]`. Plain chat is put to the bare language
    model too.

    Raises:
        ConfigError: there is no such group.
    """
    found = prompts()
    known = dict.fromkeys(prompt.direction for prompt in found)
    if unknown := [group for group in groups if group not in known]:
        raise ConfigError("any2any-free", f"has no group {unknown[0]!r}", f"{', '.join(known)}")
    chosen = [prompt for prompt in found if prompt.direction in (groups or known)]
    return Suite("any2any-free", chosen, JUDGES, GOALS, baseline=("chat",))
