"""The files of trained parts: where they are, and whether their headers fit. Loads nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from nextgpt_registry.config import Config, LLMFacts, Lora, Weight
from nextgpt_registry.headers import Tensor
from nextgpt_registry.lock import Lock, Signals
from nextgpt_registry.plan import contents
from nextgpt_registry.plan.contents import Contents
from nextgpt_registry.plan.findings import Findings
from nextgpt_registry.plan.model import VOCABULARY, ChannelPlan
from nextgpt_registry.plan.weights import Found, find_weights, header
from nextgpt_registry.shapes import Shapes

_NEW = Found("new")
_FIXES = {
    "lora": "use the adapters trained with this llm.lora and language model",
    "signals": "use the rows trained with these decoders and this language model",
    VOCABULARY: "use the rows trained with this language model",
}
_REFIT = "use the options, components and language model it was trained with"


class Trained:
    """What the config's `weights` name, with the lock's pins where it has none of its own.

    `known` are the parts of the system: the headers of these are read, and of no others. `left_out`
    are channels that were taken out of what the config extends.
    """

    def __init__(
        self,
        config: Config,
        lock: Lock | None,
        base: Path,
        findings: Findings,
        *,
        known: Collection[str],
        left_out: Collection[str] = (),
    ) -> None:
        self.weights = {name: _pinned(w, lock, name) for name, w in config.weights.items()}
        self._known, self._left_out = known, left_out
        self._findings = findings
        self._found = {
            name: find_weights(weight, f"weights.{name}", base, findings)
            for name, weight in self.weights.items()
        }
        self._headers = {
            name: header(found.path, f"weights.{name}", findings)
            for name, found in self._found.items()
            if name in known
        }
        self._holds: dict[str, frozenset[str]] = {}

    def found(self, part: str) -> Found:
        """Where the weights of a part are; `new` if the config names none."""
        return self._found.get(part, _NEW)

    def sources(self, part: str) -> dict[str, Weight]:
        """The file of a part, by its name; none if the config names none."""
        return {part: self.weights[part]} if part in self.weights else {}

    def seen(self, part: str) -> bool:
        """Whether there was a header to read."""
        return self._headers.get(part) is not None

    def has(self, part: str, name: str) -> bool:
        """Whether there are weights of a side of a projection, or of a channel's signals.

        Of a file that is not here nothing else is known than that it is named.
        """
        if part not in self.weights:
            return False
        return self._headers.get(part) is None or name in self._holds.get(part, ())

    def check_names(self, lock: Lock | None) -> None:
        """Every part must be one of this system; those of channels left out are noted."""
        locked = [f"project.{name}" for name in (lock.channels if lock else ())]
        for name in self.weights:
            if name in self._known:
                continue
            if name in locked or self._is_itself(name):
                self._findings.note(f"weights.{name} is not loaded: its channel is left out")
                continue
            fix = f"known: {', '.join(self._known)}"
            self._findings.add(f"weights.{name}", "is no trained part of this system", fix)
        self._check_company(lock)

    def check_files(self, channels: Mapping[str, ChannelPlan]) -> None:
        """No file may be named for two parts, or for another than it was written for.

        Channels that share an input projection may name one another's.
        """
        first: dict[Path, str] = {}
        for part, found in self._found.items():
            if found.path is None or part not in self._known:
                continue
            told = self._headers[part]
            if told and told.part and not _alike(told.part, part, channels):
                self._findings.add(
                    f"weights.{part}", f"was written as {told.part}", "name the file of this part"
                )
            other = first.setdefault(found.path.resolve(), part)
            if other != part and not _alike(other, part, channels):
                self._findings.add(
                    f"weights.{part}",
                    f"names the file that weights.{other} names",
                    "give each part its own",
                )

    def check_projection(self, channel: str, sides: Mapping[str, Shapes | None]) -> None:
        """Hold a channel's file to the projections that the channel has."""
        part = f"project.{channel}"
        if (found := self._tensors(part)) is None:
            return
        made = contents.projection(found, sides)
        for side in made.unused:
            self._findings.note(f"weights.{part}: its {side} side is not loaded: it is left out")
        self._take(part, made)

    def check_signals(self, signals: Signals, facts: LLMFacts, silent: Collection[str]) -> None:
        """Hold the saved rows of every channel to its block."""
        if (found := self._tensors("signals")) is None:
            return
        left = [part.removeprefix("project.") for part in self.weights if part not in self._known]
        gone = {channel for channel in left if self._is_itself(f"project.{channel}")}
        gone.update(self._left_out)
        made = contents.signals(found, signals.blocks, facts=facts, silent=[*silent, *gone])
        for channel in made.unused:
            why = "it is silent" if channel in silent else "it is left out"
            self._findings.note(f"weights.signals: rows of {channel} are not loaded: {why}")
        self._take("signals", made)

    def check_vocabulary(self, facts: LLMFacts) -> None:
        """Hold the saved base rows to the language model's."""
        if (found := self._tensors(VOCABULARY)) is not None:
            self._take(VOCABULARY, contents.vocabulary(found, facts))

    def check_adapters(self, facts: LLMFacts, lora: Lora) -> None:
        """Hold the saved adapters to the settings."""
        if (found := self._tensors("lora")) is not None:
            self._take("lora", contents.adapters(found, facts, lora))

    def _is_itself(self, part: str) -> bool:
        """Whether a file that this system has no use for is what it is named as, by no slip."""
        path = self._found[part].path
        told = header(path, part, Findings())
        if path is None or told is None or not part.startswith("project."):
            return False
        return (told.part or path.stem) == part  # older files are only called so

    def _take(self, part: str, made: Contents) -> None:
        if made.problems:
            told = "; ".join(made.problems)
            self._findings.add(f"weights.{part}", told, _FIXES.get(part, _REFIT))
        self._holds[part] = made.holds

    def _tensors(self, part: str) -> Mapping[str, Tensor] | None:
        told = self._headers.get(part)
        return None if told is None else told.tensors

    def _check_company(self, lock: Lock | None) -> None:
        """What was trained beside adapters or base rows is not to be loaded without them."""
        loaded = [part for part in self.weights if part in self._known]
        for part in ("lora", VOCABULARY):
            if lock and part in lock.weights and loaded and part not in self.weights:
                self._findings.add(
                    f"weights.{part}",
                    f"is not named, and {loaded[0]} was trained beside it",
                    f"name the file of {part}, or take all of `weights` out to train anew",
                )


def _alike(one: str, other: str, channels: Mapping[str, ChannelPlan]) -> bool:
    """Whether two parts may hold the same: they are one, or share an input projection."""
    shares = [
        made.input.shares
        for part in (one, other)
        if (made := channels.get(part.removeprefix("project."))) and made.input
    ]
    return one == other or (len(shares) == 2 and bool(shares[0]) and shares[0] == shares[1])


def _pinned(weight: Weight, lock: Lock | None, part: str) -> Weight:
    pin = lock.weights.get(part) if lock else None
    return weight.model_copy(update={"sha256": pin}) if pin and not weight.sha256 else weight
