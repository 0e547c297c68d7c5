"""Which parts of a system are trained, and what a request may use without the others.

A part is untrained until weights of it were loaded or a step of training has moved it.

A channel that is given needs its input projection; one that is made by its signals' states needs
its signal rows and output projection. A channel whose route is captions is driven in words: it
needs no training to be required, and trained signal rows to be chosen. Text needs nothing.
Imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from nextgpt_core.assembly.stages import stages_training
from nextgpt_registry.errors import RequestError
from nextgpt_registry.plan import Plan, Side

Key = tuple[str, str]
"""A side (`input`, `output`, `signals`) and its channel; of other parts the name, and nothing."""

_T = TypeVar("_T")

_WORDS: Mapping[Side, str] = {
    "input": "input projection",
    "output": "output projection",
    "signals": "signal rows",
}
_STAGES: Mapping[Side, str] = {"input": "encode", "output": "decode", "signals": "decode"}


@dataclass(frozen=True)
class Readiness:
    """`untrained` is what channels lack; `ignored` runs them as they are."""

    plan: Plan
    untrained: Mapping[str, tuple[Side, ...]]
    ignored: bool = False

    @classmethod
    def of_plan(cls, plan: Plan, *, ignored: bool = False) -> Readiness:
        """As the plan has it, before anything is loaded."""
        lacking = {n: c.untrained for n, c in plan.channels.items() if c.untrained}
        return cls(plan, lacking, ignored)

    def lacking(self, channel: str, way: str) -> tuple[Side, ...]:
        """What keeps a channel from being given (`in`), required (`out`) or chosen (`chosen`)."""
        made = self.plan.channels.get(channel)
        if self.ignored or made is None:
            return ()
        worded = made.decoder is not None and made.decoder.settings.route == "caption"
        if way == "in":
            wanted = {"input"}
        elif worded:
            wanted = {"signals"} if way == "chosen" else set()
        else:
            wanted = {"output", "signals"}
        return tuple(side for side in self.untrained.get(channel, ()) if side in wanted)

    @property
    def unsampled(self) -> frozenset[str]:
        """The channels that no answer may choose."""
        return frozenset(name for name in self.plan.channels if self.lacking(name, "chosen"))

    def check(
        self, *, given: Iterable[str], required: Iterable[str], answered: Iterable[str] = ()
    ) -> None:
        """Hold that what is given and required of channels, and answered before, is trained.

        Raises:
            RequestError: it is not; says what, which stage trains it and what works without.
        """
        for what, way, channels in (
            ("given media", "in", given),
            ("required media", "out", required),
            ("an answer's media", "out", answered),
        ):
            for channel in channels:
                if sides := self.lacking(channel, way):
                    raise RequestError(
                        f"{what} of {channel}",
                        f"its {self.reason(sides)}; answers would be noise",
                        self._fix(channel, sides),
                    )

    def reason(self, sides: Sequence[Side]) -> str:
        """`output projection and signal rows are untrained: no weights of them were loaded`."""
        words = " and ".join(_WORDS[side] for side in sides)
        verb, them = (
            ("are", "them") if sides[-1:] == ("signals",) or len(sides) > 1 else ("is", "it")
        )
        return f"{words} {verb} untrained: no weights of {them} were loaded"

    def summary(self) -> str:
        """One line on what does not work; empty where all does."""
        lost = [*self._ways("in", ready=False), *self._ways("out", ready=False)]
        if not lost:
            return ""
        return f"untrained: {', '.join(lost)}; {self._works()}. {_ANYWAY}"

    def _fix(self, channel: str, sides: Sequence[Side]) -> str:
        config = self.plan.config
        stages = {s: stages_training(config, s, channel) or (_STAGES[s],) for s in sides}
        first = dict.fromkeys(one[0] for one in stages.values())
        commands = " and ".join(f"`nextgpt train {config.name} --stage {stage}`" for stage in first)
        return (
            f"train it ({commands}), or name its weights in the config; {self._works()}. {_ANYWAY}"
        )

    def _works(self) -> str:
        works = ["text", *self._ways("in", ready=True), *self._ways("out", ready=True)]
        return f"what works as it is: {', '.join(works)}"

    def _ways(self, way: str, *, ready: bool) -> list[str]:
        return [
            f"{name} {way}"
            for name, channel in self.plan.channels.items()
            if (channel.encoder if way == "in" else channel.decoder)
            and ready != bool(self.lacking(name, way))
        ]


_ANYWAY = "--untrained (in Python untrained=True) runs it all the same"


def keys_of(part: str, names: Iterable[str]) -> set[Key]:
    """What the tensors of a part belong to."""
    return {_key(part, name) for name in names}


def only(state: Mapping[str, Mapping[str, _T]], trained: Iterable[Key]) -> dict[str, dict[str, _T]]:
    """The tensors of what was trained; a part with none of them is left out."""
    wanted = set(trained)
    found = {
        part: {name: value for name, value in tensors.items() if _key(part, name) in wanted}
        for part, tensors in state.items()
    }
    return {part: tensors for part, tensors in found.items() if tensors}


def lacking(
    trained: Iterable[Key], *, inputs: Iterable[str], outputs: Iterable[str], spoken: Iterable[str]
) -> dict[str, tuple[Side, ...]]:
    """By channel: what of it is there and untrained; channels that lack nothing are left out."""
    have = set(trained)
    sides: tuple[tuple[Side, Iterable[str]], ...] = (
        ("input", inputs),
        ("output", outputs),
        ("signals", spoken),
    )
    found: dict[str, tuple[Side, ...]] = {}
    for side, channels in sides:
        for channel in channels:
            if (side, channel) not in have:
                found[channel] = (*found.get(channel, ()), side)
    return found


def _key(part: str, name: str) -> Key:
    kind, _, channel = part.partition(".")
    if kind == "project":
        return name.partition(".")[0], channel
    if part == "signals":
        return part, name.rpartition(".")[0]
    return part, ""
