"""What `POST /v1/responses` takes, and the conversation that its items are. Knows no answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from nextgpt_serve.errors import ApiError, unsupported
from nextgpt_serve.fields import ContentPart, Sampled

_MOST = 10_000
_CALL = "_generation_call"
_TOOL = "_generation"


class Tool(BaseModel):
    """A modality that the answer may hold: `{"type": "NAME_generation"}`."""

    model_config = ConfigDict(extra="forbid")

    type: Annotated[str, Field(pattern=f"{_TOOL}$", max_length=200)]

    @property
    def modality(self) -> str:
        """What it makes."""
        return self.type.removesuffix(_TOOL)


class ResponseRequest(Sampled):
    """A conversation to be answered, as items."""

    input: str | Annotated[list[ContentPart], Field(min_length=1, max_length=_MOST)]
    """A text, messages, and what earlier responses put out, in order."""
    instructions: str | None = None
    """Before everything: what the system is told."""
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    tools: Annotated[tuple[Tool, ...], Field(max_length=100)] = ()
    tool_choice: str | Tool | None = None
    """A tool, for one medium of it at least."""

    def conversation(self) -> list[dict[str, Any]]:
        """The messages that the items are: what an assistant put out goes into one.

        Raises:
            ApiError: an item is none of a conversation.
        """
        items: list[Any] = self.input if isinstance(self.input, list) else []
        messages = [_message(item, place) for place, item in enumerate(items)]
        if isinstance(self.input, str):
            messages = [{"role": "user", "content": self.input}]
        if self.instructions:
            messages.insert(0, {"role": "system", "content": self.instructions})
        joined: list[dict[str, Any]] = []
        for message in messages:
            if joined and message["role"] == joined[-1]["role"] == "assistant":
                joined[-1]["content"] = [*_parts(joined[-1]), *_parts(message)]
            else:
                joined.append(message)
        return joined

    def required(self) -> str | None:
        """The modality that `tool_choice` wants one of.

        Raises:
            ApiError: it wants something else.
        """
        if isinstance(self.tool_choice, Tool):
            return self.tool_choice.modality
        if self.tool_choice == "required" and self.tools:
            return self.tools[0].modality
        if self.tool_choice not in (None, "auto", "none"):
            raise unsupported("tool_choice", '{"type": "NAME_generation"}, or leave it out')
        return None


def _message(item: Mapping[str, Any], place: int) -> dict[str, Any]:
    kind = item.get("type", "message" if "role" in item else None)
    if kind == "message":
        rest = {key: item[key] for key in item if key not in ("type", "id", "status")}
        return {"role": None, **rest}
    if isinstance(kind, str) and kind.endswith(_CALL):
        return {"role": "assistant", "content": [dict(item)]}
    if isinstance(kind, str) and kind not in ("item_reference", "reasoning"):
        return {"role": "user", "content": [dict(item)]}  # a part that stands alone
    message = f"input[{place}]: {str(kind)[:100]!r} is no item of a conversation"
    raise ApiError(400, message, code="invalid_value", param="input")


def _parts(message: Mapping[str, Any]) -> list[Any]:
    content = message.get("content")
    return [{"type": "output_text", "text": content}] if isinstance(content, str) else content or []
