"""The plan of a system: every part resolved and sized, nothing built. Frozen, readable as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from nextgpt_registry.config import (
    Config,
    DecoderSettings,
    EncoderSettings,
    LLMFacts,
    Settings,
    Weight,
)
from nextgpt_registry.errors import PlanError, Problem
from nextgpt_registry.lock import Lock, Signals
from nextgpt_registry.specs import API, Condition, Decoder, Encoder, Modality, Projection

Side = Literal["input", "output", "signals"]
"""What is trained of a channel: the projections in and out, and the rows of its signals."""

State = Literal["here", "fetch", "missing", "new"]
"""Weights: on this machine; to be fetched; to be brought by the user; made anew."""

VOCABULARY = "vocabulary"
"""The part that holds base rows of the language model, where training moved them."""

STAGES = (1, 2, 3)
"""The paper's training stages: encoding alignment, decoding alignment, instruction tuning."""


class EncoderPlan(Settings):
    """An encoder of one channel, its options validated."""

    spec: Encoder
    settings: EncoderSettings
    plugin: str
    version: str
    options: dict[str, Any]  # all of them, defaults filled in


class DecoderPlan(Settings):
    """A decoder of one channel, its options validated."""

    spec: Decoder
    settings: DecoderSettings
    plugin: str
    version: str
    options: dict[str, Any]


class InputPlan(Settings):
    """An input projection: (tokens_in, width_in) -> (tokens, width of the language model)."""

    kind: str
    spec: Projection
    options: dict[str, Any]
    tokens_in: int
    width_in: int
    tokens: int
    parameters: int
    shares: str = ""  # channels with the same one have a single projection


class OutputPlan(Settings):
    """An output projection: (signals, width of the language model) -> the conditions."""

    kind: str
    spec: Projection
    options: dict[str, Any]
    signals: int
    conditions: tuple[Condition, ...]
    parameters: int


class ChannelPlan(Settings):
    """One way in and out of the language model."""

    name: str
    modality: Modality
    encoder: EncoderPlan | None = None
    input: InputPlan | None = None
    decoder: DecoderPlan | None = None
    output: OutputPlan | None = None
    untrained: tuple[Side, ...] = ()  # what `weights` hold nothing of: it starts from noise


class Part(Settings):
    """A row of the plan's table."""

    name: str
    what: str
    parameters: int
    stages: tuple[int, ...] = ()  # in which it is trained
    dtype: str = "float32"
    bytes: int = 0  # in memory
    device: str = "auto"
    offload: bool = False  # on its device for each call alone
    process: bool = False  # a process of its own, which knows of no others' turns
    licence: str = ""
    checked: str = ""  # where its size comes from
    state: State = "new"
    sources: dict[str, Weight] = Field(default_factory=dict)  # of its files, by name
    saved: str = ""  # the entry of `weights` that a trained part is kept in
    fetch_bytes: int | None = None  # None: nobody has said


class Plan(Settings):
    """A system that can be assembled."""

    api: str = API
    system: str
    origin: str
    extends: tuple[str, ...] = ()  # configs, the nearest first
    base: Path
    config: Config
    plugins: dict[str, str]  # name -> version, in order
    facts: LLMFacts
    channels: dict[str, ChannelPlan]
    signals: Signals  # with the blocks that the lock keeps for channels left out
    parts: tuple[Part, ...]
    weights: dict[str, Weight] = Field(default_factory=dict)  # trained parts; pinned by the lock
    lock: Lock | None = None
    notes: tuple[str, ...] = ()
    unaccepted: tuple[Problem, ...] = ()  # licences that must be accepted before it is assembled

    @property
    def parameters(self) -> int:
        """All parameters."""
        return sum(part.parameters for part in self.parts)

    @property
    def bytes(self) -> int:
        """The memory that all weights take."""
        return sum(part.bytes for part in self.parts)

    @property
    def bytes_at_once(self) -> int:
        """What weights take on their devices at most: offloaded parts of one process take turns."""
        turns: dict[tuple[str, str], int] = {}
        for part in self.parts:
            if part.offload:
                place = (part.device, part.name if part.process else "")
                turns[place] = max(turns.get(place, 0), part.bytes)
        return sum(turns.values()) + sum(part.bytes for part in self.parts if not part.offload)

    @property
    def fetch_bytes(self) -> int:
        """What there is to fetch, as far as it is known."""
        return sum(part.fetch_bytes or 0 for part in self.parts if part.state == "fetch")

    def trained(self, stage: int) -> int:
        """How many parameters a stage trains."""
        return sum(part.parameters for part in self.parts if stage in part.stages)

    def sharing(self, channel: str) -> tuple[str, ...]:
        """The channels that have one input projection with `channel`, itself among them."""
        own = self.channels[channel].input
        if own is None or not own.shares:
            return (channel,)
        return tuple(
            name for name, c in self.channels.items() if c.input and c.input.shares == own.shares
        )

    def check_accepted(self) -> None:
        """Hold that every licence that asks for it has been accepted.

        Raises:
            PlanError: one has not; all are listed.
        """
        if self.unaccepted:
            raise PlanError(self.system, self.unaccepted)

    def to_lock(
        self,
        *,
        tokenizer: str | None = None,
        weights: dict[str, str] | None = None,
        base: str | None = None,
    ) -> Lock:
        """What a checkpoint of this system pins."""
        facts = self.facts.model_dump(include={"family", "width", "layers", "vocabulary", "tied"})
        lora = self.config.llm.lora
        return Lock(
            api=self.api,
            plugins=dict(self.plugins),
            llm={**facts, "layer": self.config.llm.layer},
            channels={name: _pinned(channel) for name, channel in self.channels.items()},
            signals=self.signals,
            tokenizer=tokenizer,
            base=base,
            lora_scale=lora.alpha / lora.r if lora else None,
            weights=weights or {},
        )

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON, with its sums."""
        return {
            **self.model_dump(mode="json"),
            "parameters": self.parameters,
            "bytes": self.bytes,
            "bytes_at_once": self.bytes_at_once,
            "fetch_bytes": self.fetch_bytes,
            "trained": {str(stage): self.trained(stage) for stage in STAGES},
        }


def _pinned(channel: ChannelPlan) -> dict[str, Any]:
    """The sizes of a channel that its trained projections depend on."""
    pinned: dict[str, Any] = {"modality": channel.modality.name}
    if channel.encoder and channel.input:
        spec = channel.encoder.spec
        pinned["encoder"] = {"name": spec.name, "tokens": spec.tokens, "width": spec.width}
        pinned["input"] = {"kind": channel.input.kind, "options": channel.input.options}
        if channel.input.shares:
            pinned["input"]["shares"] = channel.input.shares
    if channel.decoder and channel.output:
        conditions = {c.name: [c.tokens, c.width] for c in channel.output.conditions}
        pinned["decoder"] = {
            "name": channel.decoder.spec.name,
            "signals": channel.output.signals,
            "conditions": conditions,
        }
        pinned["output"] = {"kind": channel.output.kind, "options": channel.output.options}
    return pinned
