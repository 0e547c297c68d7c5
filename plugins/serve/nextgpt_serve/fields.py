"""Fields that several endpoints have, and what becomes of those that mean nothing here.

A field that OpenAI's servers know and this one does not may say that it is not used; anything else
is refused by name, for an answer that silently ignores what was asked is a wrong one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from nextgpt_serve.errors import unsupported

MOST_ANSWERS = 8
"""What `n` may be at most."""

ContentPart = Annotated[
    dict[str, Any], WithJsonSchema({"$ref": "#/components/schemas/ContentPart"})
]
"""A part of a message; which there are, `openapi` says from what is installed."""

_WITHOUT_EFFECT = (  # on an answer, with OpenAI as here
    "metadata",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "user",
)
_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "background": (False, "auto"),
    "frequency_penalty": (0,),
    "include": ([],),
    "input_fidelity": ("low",),
    "logit_bias": ({},),
    "logprobs": (False,),
    "moderation": ("auto", "low"),
    "parallel_tool_calls": (True, False),
    "presence_penalty": (0,),
    "quality": ("auto", "standard"),
    "response_format": ({"type": "text"},),
    "size": ("auto",),
    "text": ({}, {"format": {"type": "text"}}),
    "tool_choice": ("auto", "none"),
    "tools": ([],),
    "top_logprobs": (0,),
    "truncation": ("disabled",),
    "verbosity": ("medium",),
}
"""Fields of OpenAI's that may be given with these values: they ask for nothing."""


class Closed(BaseModel):
    """A request: fields that it does not know are refused, `null` is as if left out."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    taken: ClassVar[tuple[str, ...]] = ()  # fields of `_NEUTRAL` that this endpoint reads itself

    @model_validator(mode="before")
    @classmethod
    def _known(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        found = {}
        for name, value in given.items():
            if value is None or name in _WITHOUT_EFFECT:
                continue
            if name in cls.model_fields:
                found[name] = value
            elif value not in _NEUTRAL.get(name, ()):
                raise unsupported(str(name)[:100])
        return found


class Extras(BaseModel):
    """What this server understands beside OpenAI's fields: `extra_body={"nextgpt": {…}}`."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    require: dict[str, Annotated[int, Field(ge=0, le=1000)]] = {}
    """How many media of each channel the answer holds at least."""
    decoder_options: dict[str, dict[str, Any]] = {}
    """Options of decoders, by channel; `GET /v1/models/{model}` has their schemas."""
    format: dict[str, str] = {}
    """The format that media of a channel are written in: `{"NAME": "webp"}`."""
    media: Literal["url", "data"] | None = None
    """Whether media come as addresses or in the answer itself."""
    max_media: Annotated[int, Field(ge=0, le=1000)] | None = None
    """How many media the answer holds at most."""
    top_k: Annotated[int, Field(ge=0)] | None = None
    """Of how many tokens the next is drawn; 0 for all."""
    deterministic: bool = False
    """The same bytes for the same request, whatever else is asked meanwhile; slower."""


class Sampled(Closed):
    """How an answer is written."""

    model: Annotated[str, Field(max_length=500)]
    modalities: Annotated[list[str], Field(max_length=100)] | None = None
    """The media that the answer may hold, by channel or modality; by default all."""
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    """By default a new one each time, which the answer tells."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    stop: str | Annotated[list[str], Field(max_length=16)] | None = None
    n: Annotated[int, Field(ge=1, le=MOST_ANSWERS)] = 1
    stream: bool = False
    nextgpt: Extras = Extras()
