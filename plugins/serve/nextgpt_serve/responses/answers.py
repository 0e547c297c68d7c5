"""Answers as a response: whole, or as events while they are written. Knows no transport.

    response.created  response.in_progress
    ( response.output_item.added
      ( content_part.added  output_text.delta*  output_text.done  content_part.done     of a text
      | NAME_generation_call.in_progress  .generating*  .completed )                of a medium
      response.output_item.done )*
    response.completed | response.incomplete | response.failed

Items begin in the order in which they were written; a medium may end after text that follows it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from nextgpt_serve.errors import ApiError
from nextgpt_serve.parts import Change, MediumPart, TextPart, Writing
from nextgpt_serve.responses.items import Item, Items
from nextgpt_serve.usage import Usage


@dataclass(frozen=True)
class Response:
    """The answers to one request; `echoed` are fields of the request that it repeats."""

    model: str
    echoed: Mapping[str, Any]
    items: Items
    writings: Sequence[Writing]
    seeds: Sequence[int]
    id: str = field(default_factory=lambda: f"resp_{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))
    numbers: Iterator[int] = field(default_factory=count)
    _open: dict[tuple[int, int], Item] = field(default_factory=dict)  # by choice and part

    def whole(self) -> dict[str, Any]:
        """All of it, once it is written."""
        return self._shown("incomplete" if self._cut else "completed")

    async def events(
        self, changes: AsyncGenerator[tuple[int, Change], None]
    ) -> AsyncGenerator[dict[str, Any], None]:
        """It as it is written."""
        yield self._event("response.created", response=self._shown("in_progress"))
        yield self._event("response.in_progress", response=self._shown("in_progress"))
        async for choice, change in changes:
            for event in self.take(choice, change):
                yield event
        whole = self.whole()
        yield self._event(f"response.{whole['status']}", response=whole)

    def failed(self, error: ApiError) -> dict[str, Any]:
        """The last event of an answer that broke off."""
        told = {"code": "server_error", "message": error.message}
        response = self._shown("failed") | {"error": told}
        return self._event("response.failed", response=response)

    def take(self, choice: int, change: Change) -> list[dict[str, Any]]:
        """The events of a change."""
        part = change.part
        if change.kind == "begun":
            item = self._open[choice, part.index] = self.items.add(part, choice)
        else:
            item = self._open[choice, part.index]
        item.ended = change.kind == "ended"
        return list(self._of(item, change))

    def _of(self, item: Item, change: Change) -> Iterator[dict[str, Any]]:
        shown = {"output_index": item.place, "item": self.items.shown(item)}
        if change.kind == "begun":
            yield self._event("response.output_item.added", **shown)
        yield from (
            self._text(item, change) if isinstance(item.part, TextPart) else self._medium(item)
        )
        if item.ended:
            yield self._event("response.output_item.done", **shown)

    def _text(self, item: Item, change: Change) -> Iterator[dict[str, Any]]:
        place = {"item_id": item.id, "output_index": item.place, "content_index": 0}
        part = self.items.text(item)
        match change.kind:
            case "begun":
                yield self._event("response.content_part.added", **place, part=part)
            case "text":
                told = {"delta": change.text, "logprobs": []}
                yield self._event("response.output_text.delta", **place, **told)
            case "ended":
                told = {"text": part["text"], "logprobs": []}
                yield self._event("response.output_text.done", **place, **told)
                yield self._event("response.content_part.done", **place, part=part)

    def _medium(self, item: Item) -> Iterator[dict[str, Any]]:
        part = item.part
        assert isinstance(part, MediumPart)
        kind = f"response.{part.channel.call_type}"
        told: dict[str, Any] = {"item_id": item.id, "output_index": item.place}
        if item.ended:
            yield self._event(f"{kind}.{part.status}", **told)
        elif part.steps is None:
            yield self._event(f"{kind}.in_progress", **told)
        else:
            done, total = part.steps
            progress = {"done": done, "total": total}
            yield self._event(f"{kind}.generating", **told, progress=progress)

    def _event(self, kind: str, **fields: Any) -> dict[str, Any]:
        return {"type": kind, "sequence_number": next(self.numbers), **fields}

    @property
    def _cut(self) -> bool:
        return any(one.answer and one.answer.finish == "length" for one in self.writings)

    def _shown(self, status: str) -> dict[str, Any]:
        ended = status in ("completed", "incomplete")
        cut = {"reason": "max_output_tokens"} if status == "incomplete" else None
        output = [] if status == "in_progress" else list(map(self.items.shown, self.items.all))
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": status,
            "error": None,
            "incomplete_details": cut,
            "model": self.model,
            "output": output,
            "parallel_tool_calls": False,
            "previous_response_id": None,
            "text": {"format": {"type": "text"}},
            "truncation": "disabled",
            "usage": Usage.of(self.writings).response if ended else None,
            "seeds": list(self.seeds),
            "notes": [note for one in self.writings for note in one.notes],
            **self.echoed,
        }
