"""Answers as chat completions: whole, or as chunks while they are written. Knows no transport."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any

from nextgpt_serve.chat.shown import Shown
from nextgpt_serve.parts import Change, MediumPart, TextPart, Writing
from nextgpt_serve.usage import Usage

_REASONS = {"end": "stop", "stop": "stop", "length": "length"}


@dataclass(frozen=True)
class Completion:
    """The answers to one request."""

    model: str
    shown: Shown
    writings: Sequence[Writing]
    seeds: Sequence[int]
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self) -> dict[str, Any]:
        """All of it, once it is written."""
        choices = [self._choice(place) | self._message(place) for place in self._places]
        return self._envelope("chat.completion", choices) | {"usage": Usage.of(self.writings).chat}

    async def chunks(
        self, changes: AsyncGenerator[tuple[int, Change], None], *, usage: bool
    ) -> AsyncGenerator[dict[str, Any], None]:
        """It as it is written; `usage` comes last, if it is asked for."""
        extra: dict[str, Any] = {"usage": None} if usage else {}
        for place in self._places:
            yield self._chunk(place, {"role": "assistant", "content": ""}) | extra
        async for place, change in changes:
            if delta := self._delta(change):
                yield self._chunk(place, delta) | extra
        for place in self._places:
            yield self._envelope("chat.completion.chunk", [self._choice(place, {})]) | extra
        if usage:
            yield self._envelope("chat.completion.chunk", []) | {
                "usage": Usage.of(self.writings).chat
            }

    @property
    def _places(self) -> range:
        return range(len(self.writings))

    def _envelope(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "choices": choices,
        }

    def _chunk(self, place: int, delta: dict[str, Any]) -> dict[str, Any]:
        choice = {"index": place, "delta": delta, "logprobs": None, "finish_reason": None}
        return self._envelope("chat.completion.chunk", [choice])

    def _delta(self, change: Change) -> dict[str, Any]:
        part = change.part
        if isinstance(part, TextPart):
            if change.kind != "text":
                return {}
            shown = {"index": part.index, "type": "text", "text": change.text}
            return {"content": change.text, "parts": [shown]}
        delta: dict[str, Any] = {"parts": [self.shown.part(part)]}
        return {"content": self.shown.link(part), **delta} if change.kind == "begun" else delta

    def _choice(self, place: int, delta: dict[str, Any] | None = None) -> dict[str, Any]:
        """What is said of an answer when it is whole."""
        writing = self.writings[place]
        assert writing.answer is not None
        choice: dict[str, Any] = {
            "index": place,
            "logprobs": None,
            "finish_reason": _REASONS[writing.answer.finish],
            "seed": self.seeds[place],
        }
        if delta is not None:
            choice["delta"] = delta
        return {**choice, "notes": writing.notes} if writing.notes else choice

    def _message(self, place: int) -> dict[str, Any]:
        parts = self.writings[place].parts
        return {
            "message": {
                "role": "assistant",
                "content": "".join(
                    f"[{part.channel.name}: failed]"
                    if isinstance(part, MediumPart) and part.status == "failed"
                    else self.shown.text(part)
                    for part in parts
                ),
                "refusal": None,
                "parts": [self.shown.part(part) for part in parts],
            }
        }
