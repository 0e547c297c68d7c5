"""The rows of a plan's table: every part with its size, licence and whereabouts."""

from __future__ import annotations

from pathlib import Path

from nextgpt_registry.config import Config, LLMFacts, Weight
from nextgpt_registry.headers import Tensor
from nextgpt_registry.llm_facts import signal_parameters
from nextgpt_registry.lock import Lock, Signals
from nextgpt_registry.plan.channels import is_twin
from nextgpt_registry.plan.findings import Findings
from nextgpt_registry.plan.model import ChannelPlan, DecoderPlan, EncoderPlan, Part
from nextgpt_registry.plan.weights import (
    Found,
    check_licence,
    check_place,
    find_all,
    find_weights,
    header,
)

_NEW = Found("new")


class Trained:
    """The files of trained parts, and what their headers hold."""

    def __init__(self, config: Config, lock: Lock | None, base: Path, findings: Findings) -> None:
        self.weights = {
            name: weight.model_copy(update={"sha256": weight.sha256 or _pin(weight, lock, name)})
            for name, weight in config.weights.items()
        }
        self._found = {
            name: find_weights(weight, f"weights.{name}", base, findings)
            for name, weight in self.weights.items()
        }
        self._headers = {
            name: header(found.path, f"weights.{name}", findings)
            for name, found in self._found.items()
        }

    def found(self, part: str) -> Found:
        """Where the weights of a part are; `new` if the config names none."""
        return self._found.get(part, _NEW)

    def header(self, part: str) -> dict[str, Tensor]:
        """The tensors of a part, as far as its file is here and is safetensors."""
        return self._headers.get(part, {})


def channel_parts(
    channel: ChannelPlan,
    trained: Trained,
    config: Config,
    base: Path,
    findings: Findings,
    trunks: set[str],
) -> list[Part]:
    """The rows of one channel; a trunk that is in `trunks` already is counted no more."""
    parts = []
    at = f"modalities.{channel.name}"
    saved = f"project.{channel.name}"
    if channel.encoder:
        trunk = channel.encoder.spec.shares
        parts.append(
            _component(
                channel.encoder,
                f"{channel.name}.encoder",
                f"{at}.encoder",
                config,
                base,
                findings,
                shared=bool(trunk) and trunk in trunks,
            )
        )
        trunks.add(trunk)
    if channel.input:
        size = channel.input.parameters
        what = f"{channel.input.kind}, {channel.input.tokens_in} tokens to {channel.input.tokens}"
        name = f"{channel.name}.input"
        parts.append(_projection(name, what, size, (1, 3), saved, trained, findings))
    if channel.output:
        shapes = ", ".join(f"{c.name} {c.tokens}x{c.width}" for c in channel.output.conditions)
        what = f"{channel.output.kind}, {channel.output.signals} signals to {shapes}"
        name, size = f"{channel.name}.output", channel.output.parameters
        parts.append(_projection(name, what, size, (2, 3), saved, trained, findings))
    if channel.decoder:
        parts.append(
            _component(
                channel.decoder,
                f"{channel.name}.decoder",
                f"{at}.decoder",
                config,
                base,
                findings,
                shared=False,
            )
        )
    return parts


def signal_part(signals: Signals, facts: LLMFacts, trained: Trained, findings: Findings) -> Part:
    """The row of the signal tokens, held against the saved rows."""
    saved = trained.header("signals")
    for block in signals.blocks:
        tensor = saved.get(f"{block.channel}.input")
        if tensor is not None and tensor.shape != (block.count, facts.width):
            findings.add(
                "weights.signals",
                f"{block.channel}.input is {tensor.shape}, wanted {(block.count, facts.width)}",
                "use the weights that were trained with these decoders and this language model",
            )
    parameters = signal_parameters(facts, signals.count)
    found = trained.found("signals")
    return Part(
        name="signals",
        what=f"{signals.count} tokens from id {signals.base}",
        parameters=parameters,
        stages=(2, 3),
        bytes=4 * parameters,
        checked="header" if saved else "counted",
        state=found.state,
        fetch_bytes=found.fetch_bytes,
    )


def check_names(
    config: Config, channels: dict[str, ChannelPlan], lock: Lock | None, findings: Findings
) -> None:
    """Every trained part that the config names must be a part of this system, or of its lock."""
    known = ["signals", *(f"project.{name}" for name in channels)]
    if config.llm.lora:
        known.append("lora")
    locked = [f"project.{name}" for name in (lock.channels if lock else ())]
    for name in config.weights:
        if name in known:
            continue
        if name in locked:
            findings.note(f"weights.{name} is not loaded: its channel is left out")
            continue
        findings.add(
            f"weights.{name}", "is no trained part of this system", f"known: {', '.join(known)}"
        )


def check_lora(part: Part, trained: Trained, findings: Findings) -> Part:
    """The row of the LoRA, held against the saved adapters."""
    saved, found = trained.header("lora"), trained.found("lora")
    size = sum(tensor.size for tensor in saved.values())
    if saved and part.parameters and size != part.parameters:
        findings.add(
            "weights.lora",
            f"holds {size:,} numbers, the config makes {part.parameters:,}",
            "use the rank and the targets it was trained with",
        )
    checked = "header" if saved else part.checked
    return part.model_copy(
        update={"checked": checked, "state": found.state, "fetch_bytes": found.fetch_bytes}
    )


def _component(
    plan: EncoderPlan | DecoderPlan,
    name: str,
    at: str,
    config: Config,
    base: Path,
    findings: Findings,
    *,
    shared: bool,
) -> Part:
    size = check_place(plan.settings, at, findings)
    check_licence(plan.spec.licence, at, config, findings)
    state, fetch = find_all(plan.settings.weights, f"{at}.weights", base, findings)
    twin = is_twin(plan.spec, plan.settings.options)
    parameters = 0 if shared or twin else plan.spec.parameters
    checked = f"with {plan.spec.shares}" if shared else "twin" if twin else "declared"  # type: ignore[union-attr]
    return Part(
        name=name,
        what=plan.spec.name,
        parameters=parameters,
        dtype=plan.settings.dtype,
        bytes=parameters * size,
        device="cpu" if plan.settings.offload else plan.settings.device,
        licence=plan.spec.licence,
        checked=checked,
        state=state,
        fetch_bytes=fetch,
    )


def _projection(
    name: str,
    what: str,
    parameters: int,
    stages: tuple[int, ...],
    saved: str,
    trained: Trained,
    findings: Findings,
) -> Part:
    side = name.rpartition(".")[2]
    own = [t.size for key, t in trained.header(saved).items() if key.startswith(f"{side}.")]
    if own and sum(own) != parameters:
        findings.add(
            f"weights.{saved}",
            f"its {side} projection holds {sum(own):,} numbers, the config makes {parameters:,}",
            "use the projection options, components and language model it was trained with",
        )
    found = trained.found(saved)
    return Part(
        name=name,
        what=what,
        parameters=parameters,
        stages=stages,
        bytes=4 * parameters,
        checked="header" if own else "counted",
        state=found.state,
        fetch_bytes=found.fetch_bytes if own or found.state == "fetch" else None,
    )


def _pin(weight: Weight, lock: Lock | None, part: str) -> str | None:
    return lock.weights.get(part) if lock and isinstance(weight.source, str) else None
