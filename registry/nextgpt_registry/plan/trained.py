"""The files of trained parts: where they are, and whether their headers fit. Loads nothing."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from nextgpt_registry.config import Config, LLMFacts, Weight
from nextgpt_registry.headers import Tensor
from nextgpt_registry.lock import Lock, Signals
from nextgpt_registry.plan.findings import Findings
from nextgpt_registry.plan.model import VOCABULARY
from nextgpt_registry.plan.weights import Found, find_weights, header

_NEW = Found("new")


class Trained:
    """What the config's `weights` name, with the lock's pins where it has none of its own."""

    def __init__(self, config: Config, lock: Lock | None, base: Path, findings: Findings) -> None:
        self.weights = {name: _pinned(w, lock, name) for name, w in config.weights.items()}
        self._findings = findings
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

    def check_names(self, known: Collection[str], lock: Lock | None) -> None:
        """Every part must be one of this system; those of channels left out are noted."""
        locked = [f"project.{name}" for name in (lock.channels if lock else ())]
        for name in self.weights:
            if name in known:
                continue
            if name in locked:
                self._findings.note(f"weights.{name} is not loaded: its channel is left out")
                continue
            fix = f"known: {', '.join(known)}"
            self._findings.add(f"weights.{name}", "is no trained part of this system", fix)

    def check_size(self, part: str, prefix: str, parameters: int, *, fix: str) -> bool:
        """Hold the numbers saved under `prefix` to a count; whether there was a header to read."""
        sizes = [t.size for name, t in self._header(part).items() if name.startswith(prefix)]
        if sizes and sum(sizes) != parameters:
            what = f"{prefix or 'it '}holds {sum(sizes):,} numbers, the config makes {parameters:,}"
            self._findings.add(f"weights.{part}", what.replace(".holds", " holds"), fix)
        return bool(sizes)

    def check_signals(self, signals: Signals, facts: LLMFacts) -> bool:
        """Hold the saved rows of every channel to its block; whether there was a header."""
        saved = self._header("signals")
        for block in signals.blocks:
            tensor = saved.get(f"{block.channel}.input")
            wanted = (block.count, facts.width)
            if tensor is not None and tensor.shape != wanted:
                self._findings.add(
                    "weights.signals",
                    f"{block.channel}.input is {tensor.shape}, wanted {wanted}",
                    "use the rows trained with these decoders and this language model",
                )
        return bool(saved)

    def check_vocabulary(self, facts: LLMFacts) -> bool:
        """Hold the saved base rows to the language model's; whether there was a header."""
        saved, wanted = self._header(VOCABULARY), (facts.vocabulary, facts.width)
        for name, tensor in saved.items():
            if tensor.shape != wanted:
                self._findings.add(
                    f"weights.{VOCABULARY}",
                    f"{name} is {tensor.shape}, wanted {wanted}",
                    "use the rows trained with this language model",
                )
        return bool(saved)

    def _header(self, part: str) -> dict[str, Tensor]:
        return self._headers.get(part, {})


def _pinned(weight: Weight, lock: Lock | None, part: str) -> Weight:
    pin = lock.weights.get(part) if lock else None
    return weight.model_copy(update={"sha256": pin}) if pin and not weight.sha256 else weight
