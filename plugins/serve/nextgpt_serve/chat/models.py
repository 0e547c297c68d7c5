"""What `POST /v1/chat/completions` takes. Knows no answer."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from nextgpt_serve.fields import ContentPart, Sampled

_MOST = 10_000


class ChatMessage(BaseModel):
    """What one side said; an assistant's comes back as it was answered."""

    model_config = ConfigDict(extra="allow")

    role: str
    content: str | Annotated[list[ContentPart], Field(max_length=_MOST)] | None = None
    parts: Annotated[list[ContentPart], Field(max_length=_MOST)] | None = None
    """Of an assistant's message: its text and media in order, which win over `content`."""


class StreamOptions(BaseModel):
    """What a stream holds beside the answer."""

    model_config = ConfigDict(extra="forbid")

    include_usage: bool = False
    include_obfuscation: bool = False  # padding against observers, which is not made here


class ChatRequest(Sampled):
    """A conversation to be answered."""

    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=_MOST)]
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    stream_options: StreamOptions = StreamOptions()

    @property
    def most_tokens(self) -> int | None:
        """The bound by its newer or its older name."""
        return self.max_completion_tokens or self.max_tokens

    def given(self) -> list[dict[str, Any]]:
        """The messages as they came."""
        return [message.model_dump(exclude_unset=True) for message in self.messages]
