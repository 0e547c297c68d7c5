"""Parts of an answer as output items: messages, and a call for each medium. Knows no event."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from nextgpt_serve.media.files import packed
from nextgpt_serve.parts import MediumPart, Part, TextPart


@dataclass
class Item:
    """A part at its place in the output; `choice` is of which answer."""

    place: int
    part: Part
    choice: int = 0
    id: str = ""
    ended: bool = False

    def __post_init__(self) -> None:
        """A medium is called as it is at its address."""
        own = self.part.entry.id if isinstance(self.part, MediumPart) else ""
        self.id = own or f"msg_{secrets.token_hex(12)}"


@dataclass(frozen=True)
class Items:
    """For whoever reaches the server at `base`; media as `data` in the items, or as addresses."""

    base: str
    data: bool
    several: bool  # answers: then an item says of which it is
    all: list[Item] = field(default_factory=list)

    def add(self, part: Part, choice: int) -> Item:
        """An item of its own for a part."""
        self.all.append(Item(len(self.all), part, choice))
        return self.all[-1]

    def shown(self, item: Item) -> dict[str, Any]:
        """The item as it is now."""
        shown = (
            self._message(item, item.part)
            if isinstance(item.part, TextPart)
            else self._call(item.part)
        )
        return {**shown, "choice": item.choice} if self.several else shown

    def text(self, item: Item) -> dict[str, Any]:
        """The content of a message."""
        assert isinstance(item.part, TextPart)
        text = item.part.text
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}

    def _message(self, item: Item, part: TextPart) -> dict[str, Any]:
        return {
            "id": item.id,
            "type": "message",
            "role": "assistant",
            "status": "completed" if item.ended else "in_progress",
            "content": [self.text(item)] if item.ended else [],
        }

    def _call(self, part: MediumPart) -> dict[str, Any]:
        there = part.status == "completed"
        shown: dict[str, Any] = {
            "id": part.entry.id,
            "type": part.channel.call_type,
            "status": part.status,
            "result": packed(part.entry.data) if there and self.data else None,
            "output_format": part.entry.suffix.removeprefix("."),
            "mime_type": part.entry.mime,
            "channel": part.channel.name,
            "modality": part.channel.modality.name,
            "url": self.base + part.entry.path,
        }
        if part.prompt:
            shown["revised_prompt"] = part.prompt
        if there:
            shown["seconds"] = round(part.seconds or 0.0, 4)
        if part.about:
            shown["about"] = dict(part.about)
        if part.status == "failed":
            shown["error"] = part.error
        return shown
