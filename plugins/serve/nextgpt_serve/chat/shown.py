"""Parts of an answer as chat completions show them: in `parts`, and as links in the text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nextgpt_serve.media.files import data_url
from nextgpt_serve.parts import MediumPart, Part, TextPart


@dataclass(frozen=True)
class Shown:
    """For whoever reaches the server at `base`; media as addresses, or as `data` in the answer."""

    base: str
    data: bool

    def part(self, part: Part) -> dict[str, Any]:
        """A part that can be sent back as it is."""
        if isinstance(part, TextPart):
            return {"index": part.index, "type": "text", "text": part.text}
        shown: dict[str, Any] = {
            "index": part.index,
            "type": part.channel.part_type,
            "id": part.entry.id,
            "channel": part.channel.name,
            "modality": part.channel.modality.name,
            "mime_type": part.entry.mime,
            "status": part.status,
        }
        if part.prompt:
            shown["prompt"] = part.prompt
        if part.steps and part.status == "in_progress":
            shown["progress"] = {"done": part.steps[0], "total": part.steps[1]}
        if part.status == "completed":
            data = data_url(part.entry.data, part.entry.mime) if self.data else ""
            shown[part.channel.part_type] = {"url": data or self.url(part)}
            shown["seconds"] = round(part.seconds or 0.0, 4)
            if part.about:
                shown["about"] = dict(part.about)
        if part.status == "failed":
            shown["error"] = part.error
        return shown

    def url(self, part: MediumPart) -> str:
        """Where the medium is, or will be."""
        return self.base + part.entry.path

    def link(self, part: MediumPart) -> str:
        """The medium in a Markdown text: shown, where it is what such links show."""
        mark = "!" if part.entry.mime.startswith("image/") else ""
        return f"{mark}[{part.channel.name}]({self.url(part)})"

    def text(self, part: Part) -> str:
        """The part in a text."""
        return part.text if isinstance(part, TextPart) else self.link(part)
