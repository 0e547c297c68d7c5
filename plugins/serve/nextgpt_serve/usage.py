"""How many tokens were read and written, as the core counted them. Knows no endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nextgpt_core import Timings
from nextgpt_serve.parts import Writing


@dataclass(frozen=True)
class Usage:
    """Positions of the prompt and tokens of its answers; media stand at some of both."""

    read: int = 0
    kept: int = 0  # of these: not computed again
    media: int = 0  # of these: where media stand
    written: int = 0
    signals: int = 0  # of these: what media were ordered with

    @classmethod
    def of(cls, writings: Sequence[Writing]) -> Usage:
        """Of all answers to one prompt, which counts once."""
        told = [one.answer.timings if one.answer else Timings() for one in writings]
        first = told[0]
        return cls(
            first.prefilled_tokens + first.reused_tokens,
            first.reused_tokens,
            first.media_tokens,
            sum(one.generated_tokens for one in told),
            sum(one.signal_tokens for one in told),
        )

    @property
    def chat(self) -> dict[str, Any]:
        """As chat completions have it."""
        return {
            "prompt_tokens": self.read,
            "completion_tokens": self.written,
            "total_tokens": self.read + self.written,
            "prompt_tokens_details": {
                "cached_tokens": self.kept,
                "text_tokens": self.read - self.media,
                "media_tokens": self.media,
            },
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "text_tokens": self.written - self.signals,
                "media_tokens": self.signals,
            },
        }

    @property
    def response(self) -> dict[str, Any]:
        """As responses have it."""
        chat = self.chat
        return {
            "input_tokens": self.read,
            "input_tokens_details": {**chat["prompt_tokens_details"], "cache_write_tokens": 0},
            "output_tokens": self.written,
            "output_tokens_details": chat["completion_tokens_details"],
            "total_tokens": self.read + self.written,
        }
