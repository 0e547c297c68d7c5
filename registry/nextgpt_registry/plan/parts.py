"""The rows of a plan's table: every part with its size, licence and whereabouts."""

from __future__ import annotations

import json
from pathlib import Path

from nextgpt_registry.config import Config, LLMFacts
from nextgpt_registry.llm_facts import signal_parameters
from nextgpt_registry.lock import Signals
from nextgpt_registry.plan.components import is_twin
from nextgpt_registry.plan.findings import Findings
from nextgpt_registry.plan.model import (
    VOCABULARY,
    ChannelPlan,
    DecoderPlan,
    EncoderPlan,
    Part,
)
from nextgpt_registry.plan.trained import Trained
from nextgpt_registry.plan.weights import check_licence, check_place, find_all
from nextgpt_registry.specs import Decoder, Encoder

UNVERIFIED = ", unverified"  # nobody could open a source of a size or a licence
_FLOAT32 = 4  # bytes: whatever is trained is trained so


class PartTable:
    """Collects the rows; a component that several channels share is counted once."""

    def __init__(self, config: Config, base: Path, trained: Trained, findings: Findings) -> None:
        self.rows: list[Part] = []
        self._config = config
        self._base = base
        self._trained = trained
        self._findings = findings
        self._counted: dict[str, str] = {}  # what makes components equal -> the first of them
        self._told: set[str] = set()  # pins of files to fetch
        self._projected: dict[str, str] = {}  # shared input projections -> the first row

    def add_llm(self, llm: Part, lora: Part | None) -> None:
        """The language model and its adapters."""
        self.rows.append(llm)
        if lora is not None:
            self._add_trained(lora, "lora")

    def add_signals(self, signals: Signals, facts: LLMFacts) -> None:
        """The rows of the signal tokens."""
        if not signals.count:
            return
        parameters = signal_parameters(facts, signals.count)
        part = Part(
            name="signals",
            what=f"{signals.count} tokens from id {signals.base}",
            parameters=parameters,
            stages=(2, 3),
            bytes=_FLOAT32 * parameters,
            device=self._config.llm.device,
        )
        self._add_trained(part, "signals")

    def add_vocabulary(self, facts: LLMFacts) -> None:
        """The language model's own rows, where they were trained: they replace what it has."""
        if VOCABULARY not in self._config.weights:
            return
        part = Part(
            name=VOCABULARY,
            what=f"{facts.vocabulary} rows in place of the language model's",
            parameters=0,
            device=self._config.llm.device,
        )
        self._add_trained(part, VOCABULARY)

    def add_channel(self, channel: ChannelPlan) -> None:
        """Encoder, projections and decoder, in the order in which data passes them."""
        name = channel.name
        if channel.encoder:
            self._add_component(channel.encoder, name, "encoder", channel.encoder.spec.shares)
        if channel.input:
            made = channel.input
            what = f"{made.kind}, {made.tokens_in} tokens to {made.tokens}"
            self._add_projection(channel, "input", what, made.parameters, (1, 3))
        if channel.output:
            shapes = ", ".join(f"{c.name} {c.tokens}x{c.width}" for c in channel.output.conditions)
            what = f"{channel.output.kind}, {channel.output.signals} signals to {shapes}"
            self._add_projection(channel, "output", what, channel.output.parameters, (2, 3))
        if channel.decoder:
            self._add_component(channel.decoder, name, "decoder", "")

    def _add_component(
        self, plan: EncoderPlan | DecoderPlan, channel: str, side: str, trunk: str
    ) -> None:
        spec, settings = plan.spec, plan.settings
        at = f"modalities.{channel}.{side}"
        size = check_place(settings, at, self._findings)
        state, fetch = find_all(
            settings.weights, f"{at}.weights", self._base, self._findings, self._told
        )
        name = f"{channel}.{side}"
        first = self._counted.setdefault(trunk or _identity(plan), name)
        twin = is_twin(spec, settings.options)
        if not twin:  # which has no weights to be licensed
            check_licence(spec.licence, at, self._config, self._findings)
        parameters = 0 if first != name or twin else spec.parameters
        checked = f"same as {first}" if first != name else "twin" if twin else _checked(spec)
        if settings.unverified and not twin:
            checked += UNVERIFIED
        self.rows.append(
            Part(
                name=name,
                what=spec.name,
                parameters=parameters,
                dtype=settings.dtype,
                bytes=parameters * size,
                device=settings.device,
                offload=settings.offload,
                process=getattr(settings, "executor", "inline") == "process",
                licence=spec.licence,
                checked=checked,
                sources=settings.weights,
                state=state,
                fetch_bytes=fetch,
            )
        )

    def _add_projection(
        self,
        channel: ChannelPlan,
        side: str,
        what: str,
        parameters: int,
        stages: tuple[int, ...],
    ) -> None:
        saved, name = f"project.{channel.name}", f"{channel.name}.{side}"
        shares = channel.input.shares if channel.input and side == "input" else ""
        first = self._projected.setdefault(shares, name) if shares else name
        parameters = parameters if first == name else 0
        part = Part(
            name=name,
            what=what,
            parameters=parameters,
            stages=stages,
            checked="" if first == name else f"same as {first}",
            bytes=_FLOAT32 * parameters,
            device=self._config.llm.device,
        )
        self._add_trained(part, saved, new=side in channel.untrained)

    def _add_trained(self, part: Part, saved: str, *, new: bool = False) -> None:
        """A row of the trained part kept in the file `saved`; `new` where that holds none of it."""
        found = self._trained.found(saved)
        told = any(row.state == "fetch" and row.saved == saved for row in self.rows)
        self.rows.append(
            part.model_copy(
                update={
                    "checked": "header"
                    if self._trained.seen(saved) and not new
                    else part.checked or "counted",
                    "state": "new" if new else found.state,
                    "sources": {} if new else self._trained.sources(saved),
                    "saved": saved,
                    "fetch_bytes": None if new else 0 if told else found.fetch_bytes,
                }
            )
        )


def _checked(spec: Encoder | Decoder) -> str:
    return "files" if isinstance(spec, Decoder) and spec.describe else "declared"


def _identity(plan: EncoderPlan | DecoderPlan) -> str:
    """Equal for components that are built once for several channels."""
    settings = plan.settings.model_dump(mode="json", exclude={"name", "options", "route"})
    spec = plan.spec
    return json.dumps([spec.modality, spec.target, plan.options, settings], sort_keys=True)
