"""What a plugin declares: frozen values, readable as JSON. Knows nothing about how they run.

A plugin's whole declaration is one `Manifest`, returned by its `nextgpt_manifest` hook.
Names of modalities are strings; there is no list of the ones that exist.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

API = "1.0"
"""The protocol's own version: same major, minor no newer than the host.

What may change with which number: docs/reference/api-policy.md.
"""

_NAME = re.compile(r"^[a-z][a-z0-9]*(?:[-_.][a-z0-9]+)*$")
_RELATIVE = re.compile(r"file:(?!/|[A-Za-z]:[/\\])")
_TARGET = re.compile(r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")


def _check_name(value: str) -> str:
    if not _NAME.match(value):
        raise ValueError(f"{value!r} is not a name: use lower-case letters, digits, '-', '_', '.'")
    return value


def _check_target(value: str) -> str:
    if not _TARGET.match(value):
        raise ValueError(f"{value!r} is not a target: write 'package.module:Name'")
    return value


Name = Annotated[
    str,
    AfterValidator(_check_name),
    WithJsonSchema({"type": "string", "pattern": _NAME.pattern}),
]
Target = Annotated[
    str,
    AfterValidator(_check_target),
    WithJsonSchema({"type": "string", "pattern": _TARGET.pattern}),
]
"""`"package.module:Name"`, imported only when it is needed."""


@dataclass(frozen=True)
class Fixed:
    """Marks an option that counts when a component is built or trained: no request may set it.

    `hidden: Annotated[int, Fixed()] = 256`
    """


def fixed_options(model: type[BaseModel]) -> frozenset[str]:
    """The options of a model that are marked as `Fixed`."""
    fields = model.model_fields.items()
    return frozenset(n for n, f in fields if any(isinstance(m, Fixed) for m in f.metadata))


class Closed(BaseModel):
    """Frozen; a misspelt key is an error, never ignored, and every number is one, and finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        """`true` is 1 to Python, and `top_k: true` a slip."""
        if isinstance(value, bool) and info.field_name in cls.model_fields:
            kinds = set(_members(cls.model_fields[info.field_name].annotation))
            if kinds & {int, float} and bool not in kinds:
                raise ValueError("input should be a number")
        return value


def _members(annotation: Any) -> Iterator[Any]:
    """The types that `X | Y | None` is of."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _members(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        yield from (member for one in get_args(annotation) for member in _members(one))
    else:
        yield annotation


class Options(Closed):
    """The base of a component's options."""


class Spec(BaseModel):
    """Frozen, closed, printable: the base of everything declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Weight(Spec):
    """One file: where it comes from and what it must hash to."""

    source: str | tuple[str, ...]  # several are concatenated in order
    sha256: str | None = None  # required of what is fetched, but for `hf:`
    bytes: int | None = Field(default=None, ge=0)  # what a plan says there is to fetch


class Limit(Spec):
    """The most of something that a reader accepts, checked before decoding."""

    of: Name  # "bytes", "pixels", "seconds", "frames", or the modality's own word
    at_most: float = Field(gt=0)  # more than that is refused


class Modality(Spec):
    """A kind of media: how it is recognised, bounded and named."""

    name: Name  # unique among plugins
    summary: str  # one line
    mime: tuple[str, ...]  # types; others may have the same
    suffixes: tuple[str, ...]  # lower case, with the dot; the first is the one written
    limits: tuple[Limit, ...] = ()  # what its reader holds
    sample: Target | None = None  # seed -> a small Media: what components are tested with
    writes: tuple[str, ...] = ()  # suffixes that its writer knows; default: the first of `suffixes`
    part_types: tuple[Name, ...] = ()  # what chat APIs call such a part of a message

    @field_validator("suffixes")
    @classmethod
    def _dotted(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [s for s in value if not s.startswith(".") or s != s.lower()]
        if wrong or not value:
            raise ValueError(f"suffixes {wrong or '()'}: at least one, lower case, with the dot")
        return value

    @model_validator(mode="after")
    def _read_back(self) -> Modality:
        if unread := sorted(set(self.writes) - set(self.suffixes)):
            raise ValueError(f"writes {', '.join(unread)}, which is none of its suffixes")
        return self

    @property
    def written(self) -> tuple[str, ...]:
        """The suffixes that its writer may be asked for; the first is the usual one."""
        return self.writes or self.suffixes[:1]

    def limit(self, of: str) -> float:
        """The most of `of` that is accepted; infinite when nothing is declared."""
        return next((x.at_most for x in self.limits if x.of == of), float("inf"))


class Condition(Spec):
    """One tensor (B, tokens, width) that a decoder is driven by."""

    name: Name  # the key under which the decoder is handed it
    tokens: int = Field(gt=0)  # its length, exactly
    width: int = Field(gt=0)  # its features, exactly


class _Component(Spec):
    """What an encoder and a decoder have in common."""

    name: Name  # its dimensions belong to this name
    modality: Name  # what it reads, or makes
    summary: str = ""  # one line
    target: Target  # the class, imported when a system is assembled
    options: Target | None = None  # a pydantic model; importing it must stay light
    twin: dict[str, Any] = Field(default_factory=dict)  # options: same classes, widths 8-64
    weights: tuple[Name, ...] = ()  # names of the files that `load` expects
    sources: dict[Name, Weight] = Field(
        default_factory=dict
    )  # where they come from, unless a config says
    parameters: int = Field(default=0, ge=0)  # at full size
    requires: tuple[str, ...] = ()  # importable modules, probed and never imported
    licence: str = ""  # SPDX identifier of the weights

    @model_validator(mode="after")
    def _files(self) -> Self:
        for name, weight in self.sources.items():
            if name not in self.weights:
                raise ValueError(f"sources: {name!r} is none of its weights {self.weights}")
            told = [weight.source] if isinstance(weight.source, str) else weight.source
            if any(_RELATIVE.match(source) for source in told):
                raise ValueError(
                    f"sources: {told} is relative to nothing: write 'package:DISTRIBUTION/path'"
                )
        return self


class Encoder(_Component):
    """Media in, features (B, tokens, width) out."""

    tokens: int = Field(gt=0)  # of each medium
    width: int = Field(gt=0)  # of each token
    varying: bool = False  # `tokens` is the most, not the exact number
    shares: str = ""  # a trunk: one instance; another target gets it too, as `trunk=`


class Decoder(_Component):
    """Conditions in, media out, driven by `signals` signal tokens."""

    signals: int = Field(gt=0)  # tokens in a group
    conditions: tuple[Condition, ...] = Field(min_length=1)  # what it is driven by
    takes: tuple[Name, ...] = ()  # media of the conversation that it is handed
    needs: bool = False  # one of these at least: without, an answer cannot have its media
    max_batch: int = Field(default=8, gt=0)  # the most items in one call
    captions: bool = False  # has `caption_targets`: trainable, and usable by the caption route
    describe: Target | None = None  # (this, {file: path}) -> Decoder: sizes that its files say

    @model_validator(mode="after")
    def _needed(self) -> Decoder:
        if self.needs and not self.takes:
            raise ValueError("needs media of the conversation, and takes none: name them in takes")
        return self


class Projection(Spec):
    """A kind of map between features and the language model, for channels of any modality.

    `target`, `shapes` are called with the options and, by name, the sizes that the kind is for:
    `tokens`, `width_in` (of an encoder) and `width_llm` on the side "input", `width_llm`, `signals`
    and `conditions` on the side "output".
    """

    name: Name  # the kind: what a config calls it
    side: Literal["input", "output"]  # from an encoder, or to a decoder
    summary: str = ""  # one line
    target: Target  # (options, *, sizes) -> a torch module; imported when a system is assembled
    shapes: Target  # (options, *, sizes) -> {name of each tensor: its shape}; must stay light
    tokens: Target | None = None  # input: (options, tokens) -> tokens out; default: as many
    options: Target | None = None  # a pydantic model; importing it must stay light


class System(Spec):
    """A ready-made config that a plugin ships."""

    name: Name  # what commands call it
    summary: str  # one line
    config: str  # "package:path/inside.yaml"


class Addition(Spec):
    """Channels that a plugin offers to a trained system, with what it takes to train them."""

    name: Name  # unique among plugins: what `--add` is given
    summary: str  # one line
    config: str  # "package:path/inside.yaml", which holds an `AdditionSettings`


class Manifest(Spec):
    """All that a plugin declares."""

    api: str = API  # the protocol that it was written for; to be said from 2.0 on
    summary: str  # one line
    license: str  # SPDX identifier of the plugin's code
    modalities: tuple[Modality, ...] = ()  # kinds of media
    encoders: tuple[Encoder, ...] = ()  # ways in
    decoders: tuple[Decoder, ...] = ()  # ways out
    projections: tuple[Projection, ...] = ()  # kinds of maps to the language model, and from it
    systems: tuple[System, ...] = ()  # ready-made configs
    additions: tuple[Addition, ...] = ()  # channels for systems that are there
