"""A system's config: frozen pydantic models. Reading files and overrides is `configfile`'s.

One entry under `modalities` is a *channel*: its name owns a placeholder and a block of signal
tokens; its modality is the name unless said otherwise.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from nextgpt_registry.specs import Closed, Name, Target
from nextgpt_registry.specs import Weight as Weight  # part of a config, and of a declaration
from nextgpt_registry.text import half_character


class Settings(Closed):
    """What a file says: the base of all of a config."""


def _text(value: Any) -> Any:
    """The value, whose strings are text."""
    if half := half_character(value):
        raise ValueError(f"holds {half}")
    return value


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _kinded(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


class ComponentSettings(Settings):
    """An encoder or decoder as one system uses it; a bare string is its name."""

    name: Name  # as its plugin declares it
    options: dict[str, Any] = Field(default_factory=dict)  # its own; they change no dimension
    weights: dict[str, Weight] = Field(default_factory=dict)  # its files, by name, unless declared
    device: str = "auto"  # where it runs: `cpu`, `cuda:1`, …
    dtype: str = "float32"  # how precisely
    offload: bool = False  # kept on the CPU; one at a time is moved to `device`, for its call
    unverified: bool = False  # nobody could open a source of its size or licence

    _options_are_text = field_validator("options")(_text)


class EncoderSettings(ComponentSettings):
    """An encoder in a channel."""


class DecoderSettings(ComponentSettings):
    """A decoder in a channel."""

    executor: Literal["inline", "process"] = "inline"  # `process`: one of its own
    route: Literal["embedding", "caption"] = "embedding"  # `caption`: the model writes a prompt


class ProjectionSettings(Settings):
    """A projection; a bare string is its kind. `options` belong to the kind."""

    kind: Name  # `nextgpt_registry.projections` lists them
    options: dict[str, Any] = Field(default_factory=dict)  # of that kind
    shares: Name | None = None  # input: channels naming the same one have a single projection


class Channel(Settings):
    """How one modality enters and leaves the language model."""

    modality: Name | None = None  # which one it carries; default: the channel's name
    encoder: Annotated[EncoderSettings, BeforeValidator(_named)] | None = None  # none: no input
    input_projection: Annotated[ProjectionSettings, BeforeValidator(_kinded)] = ProjectionSettings(
        kind="linear"
    )  # from the encoder to the language model
    decoder: Annotated[DecoderSettings, BeforeValidator(_named)] | None = None  # none: no output
    output_projection: Annotated[ProjectionSettings, BeforeValidator(_kinded)] = ProjectionSettings(
        kind="query"
    )  # from the language model to the decoder
    signals: int | None = Field(default=None, gt=0)  # in a group; default: the decoder's own
    spelling: str | None = None  # e.g. "[IMG{i}]"; default "<|channel:{i}|>"


class Lora(Settings):
    """LoRA adapters, through peft."""

    r: int = Field(default=16, gt=0)  # the rank
    alpha: float = 32  # what is added is scaled by alpha / r
    dropout: float = Field(default=0.0, ge=0, lt=1)  # in training
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj")  # names of linear layers


class LLMFacts(Settings):
    """The sizes of a language model, so that planning needs neither weights nor network.

    What is left out is read from the model's own config.json.
    """

    family: str = ""  # transformers' `model_type`
    parameters: int = Field(default=0, gt=0)  # in all
    width: int = Field(default=0, gt=0)  # of the hidden states
    layers: int = Field(default=0, gt=0)  # blocks
    vocabulary: int = Field(default=0, gt=0)  # rows of the embedding: signal ids start here
    tied: bool = False  # whether the output layer is the embedding
    context: int = Field(default=0, gt=0)  # the most tokens it reads
    linears: dict[str, tuple[int, int]] = Field(default_factory=dict)  # of one block: (in, out)


class LLMSettings(Settings):
    """The language model: any causal LM that transformers knows, from a folder, hub or GGUF."""

    path: str | tuple[str, ...]  # a source; several are concatenated in order
    sha256: str | None = None  # of the file
    bytes: int | None = Field(default=None, ge=0)  # what a plan says there is to fetch
    licence: str = ""  # SPDX identifier
    lora: Lora | None = None  # none: the language model stays as it is
    template: str | None = None  # a source of a chat template (Jinja); default: the tokenizer's
    layer: int = -1  # whose hidden state drives the decoders; -1 is after the final norm
    facts: LLMFacts | None = None  # what its own config.json does not say
    unverified: bool = False  # nobody could open a source of the facts or the licence
    device: str = "auto"  # where it runs: `cpu`, `cuda:1`, …
    dtype: str = "float32"  # how precisely
    attention: str | None = None  # transformers' attn_implementation


class Generation(Settings):
    """Defaults of a request; each can be said again with it."""

    max_tokens: int = Field(default=256, gt=0)  # the most that is generated
    temperature: float = Field(default=0.0, ge=0)  # 0 is greedy
    top_k: int | None = Field(default=None, ge=0)  # of the likeliest tokens; none or 0: of all
    top_p: float = Field(default=1.0, gt=0, le=1)  # nucleus sampling, among the top_k
    stop: tuple[str, ...] = Field(default=(), max_length=1000)  # strings that end an answer
    max_media: int = Field(default=8, ge=0)  # groups in one answer
    seed: int = 0  # of text and media
    deterministic: bool = False  # run items alone: byte-equal whatever else is going on

    _stop_is_text = field_validator("stop")(_text)


class TrainingData(Settings):
    """A stage: a target returning numbered dialogues, and the hyperparameters of its run."""

    target: Target  # called with `options`, returns the dialogues
    options: dict[str, Any] = Field(default_factory=dict)  # the target's own
    run: dict[str, Any] = Field(default_factory=dict)  # what `nextgpt train` lets one say


class SuiteSettings(Settings):
    """An evaluation suite: a target returning a `nextgpt_registry.suites.Suite`."""

    target: Target  # called with `options`, returns the suite
    options: dict[str, Any] = Field(default_factory=dict)  # the target's own


class AdditionSettings(Settings):
    """Channels for a trained system: what a plugin's addition, or a file like it, says.

    All of it is written into the system, the stages as `ADDITION-STAGE`, each training these
    channels alone.
    """

    plugins: tuple[str, ...] = ()  # beside the one that ships it
    modalities: dict[Name, Channel] = Field(min_length=1)  # the channels, by name
    training: dict[Name, TrainingData] = Field(default_factory=dict)  # stages, in this order
    suites: dict[Name, SuiteSettings] = Field(default_factory=dict)  # evaluation, by name
    weights: dict[Name, Weight] = Field(default_factory=dict)  # trained already, for one system
    lock: str | None = None  # path of the lock they were trained under, beside the file


class Config(Settings):
    """A whole system."""

    name: Name = "custom"  # the system's
    llm: LLMSettings  # the language model
    plugins: tuple[str, ...] = ()  # only these are imported, in this order
    modalities: dict[Name, Channel] = Field(default_factory=dict)  # the channels, by name
    weights: dict[Name, Weight] = Field(default_factory=dict)  # trained parts, by part name
    lock: str | None = None  # path of nextgpt.lock.json beside the config
    system_prompt: str | None = None  # what a conversation starts with; default: the template's
    generation: Generation = Generation()  # defaults of a request
    training: dict[Name, TrainingData] = Field(default_factory=dict)  # by stage
    suites: dict[Name, SuiteSettings] = Field(default_factory=dict)  # evaluation, by name
    demo: str | None = None  # path of a scripted conversation, beside the config
    ablations: str | None = None  # path of what `nextgpt ablate` compares, beside the config
    benchmark: str | None = None  # path of what `nextgpt bench` holds figures against, beside it
    feature_cache_mb: int = Field(default=256, ge=0)  # the most that encoded media take in memory
    prefix_cache_mb: int = Field(default=512, ge=0)  # the most that past prompts' states take
    accept_licences: tuple[str, ...] = ()  # those that were read and accepted

    _prompt_is_text = field_validator("system_prompt")(_text)
