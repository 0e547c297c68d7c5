"""Evaluation suites as plugins write them: prompts, expected facts, judges, goals. Scores nothing.

A config names suites under `suites: {NAME: {target: "pkg.module:function", options: {...}}}`; the
function is called with the options as keywords and returns a `Suite`. *Kinds* are `"text"` and the
names of modalities, so that a suite serves any system, whatever its channels are called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from nextgpt_registry.media import Media
from nextgpt_registry.messages import Dialogue, Message
from nextgpt_registry.targets import blamed, resolve

TEXT = "text"
"""The kind of the written part of an answer; every other kind is a modality."""


@dataclass(frozen=True)
class Expected:
    """One thing that an answer must hold, and the facts that a judge must find in it.

    `facts` maps names to answers (`{"object": "cat", "colour": "red"}`), without what was not
    asked for. `concept` names the fact that is the concept; the others are its attributes.
    """

    kind: str
    facts: Mapping[str, str] = field(default_factory=dict)
    concept: str = ""

    @property
    def attributes(self) -> dict[str, str]:
        """The facts that are not the concept."""
        return {name: value for name, value in self.facts.items() if name != self.concept}


@dataclass(frozen=True)
class Prompt:
    """One question to a system and what its answer must hold.

    `turns` is the conversation, its last turn the user's; a function that makes it is called when
    the prompt's turn has come, so that a suite need not render everything it could ask. A medium
    stands under the name of its modality. `expected` is in order. Media beyond those expected are
    wrong, unless they are `optional`; text never is, and `Expected("text")` wants some.

    Of each group of `says` one phrase must stand in the answer's text, and of `never` none may. A
    phrase is whole words in any case; `draw*` is any word that begins so.
    """

    id: str  # unique in its suite, the same in every run
    direction: str  # "text->image"; any name that its results are gathered under
    expected: tuple[Expected, ...]
    messages: tuple[Message, ...] | Callable[[], tuple[Message, ...]]
    says: tuple[tuple[str, ...], ...] = ()
    never: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()  # kinds of media that may come besides, each once
    follows: str = ""  # id of the prompt whose conversation, as it was answered, goes on with this
    family: str = ""  # of prompts alike in their words, which count as one; default: the concept

    @property
    def group(self) -> str:
        """What its result is averaged with first: family, concept or, without either, itself."""
        return self.family or self.concept or self.id

    @property
    def concept(self) -> str:
        """The first expected concept: what scores are averaged over; empty if there is none."""
        return next((e.facts[e.concept] for e in self.expected if e.concept in e.facts), "")

    def request(self) -> tuple[Message, ...]:
        """The conversation."""
        return self.messages() if callable(self.messages) else self.messages


@runtime_checkable
class Judge(Protocol):
    """Says what media of one kind (or answers' texts) show, without having seen the prompt."""

    @property
    def ceiling(self) -> Mapping[str, float]:
        """By fact: the share it gets right on held-out real media; the most a score can mean."""

    def facts(self, answers: Sequence[Any]) -> Sequence[Mapping[str, str]]:
        """N media (or N texts) -> N mappings of fact to answer; what it cannot tell is left out."""


@runtime_checkable
class Featured(Protocol):
    """What a judge may have besides: what it sees in a medium before it answers.

    Distances between what was made and real media are taken in these features.
    """

    def features(self, answers: Sequence[Any]) -> Any:
        """N media -> (N, D) float32 array."""


@dataclass(frozen=True)
class Named:
    """A judge or a reference that a suite's file can name: `target` called with `options`."""

    target: str  # "package.module:Name"
    options: Mapping[str, Any] = field(default_factory=dict)

    def make(self) -> Any:
        """What the target returns.

        Raises:
            PluginError: it is not there, or fails.
        """
        with blamed(self.target):
            return resolve(self.target)(**self.options)


@dataclass(frozen=True)
class AtMost:
    """A goal that small values meet, such as `{"*/false_media": AtMost(0.01)}`."""

    value: float


Reference = Callable[[str, int], Sequence[Media]]
"""(kind, N) -> N real media of that kind that nothing was trained on, each drawn anew."""


@dataclass(frozen=True)
class Suite:
    """Everything an evaluation needs besides the system.

    `judges` are by kind; those that are `Named` can be written to a file. `goals` are by
    `"DIRECTION/METRIC"` with shell wildcards, the last that fits counts; a number is the least
    value wanted: `{"*/structure": 0.95, "text->image/concept": 0.5}`. The metrics are `right`,
    `structure`, `coverage`, `order`, `concept`, `attributes`, `said` and `false_media`; for
    `dialogues` `perplexity/ratio`; and for `baseline` `baseline/length`, `lists`, `code`, `loops`.

    Without a `reference` no distances to real media are taken. `dialogues` are text alone: how
    well their answers are foretold is held against the bare language model. It is asked the prompts
    of the directions in `baseline` itself: length, lists, code and loops of its answers are held
    against the system's, and they are read for the perplexity.
    """

    name: str
    prompts: Sequence[Prompt]
    judges: Mapping[str, Judge | Named] = field(default_factory=dict)
    goals: Mapping[str, float | AtMost] = field(default_factory=dict)
    reference: Reference | Named | None = None
    dialogues: Sequence[Dialogue] = ()
    baseline: Sequence[str] = ()
    origin: str = ""  # tells suites of one name apart: the sha256 of the file it was read from

    def live_judges(self) -> dict[str, Judge]:
        """The judges by kind, each made once."""
        return {k: j.make() if isinstance(j, Named) else j for k, j in self.judges.items()}

    def live_reference(self) -> Reference | None:
        """Where real media come from, if anywhere."""
        made: Reference | None = (
            self.reference.make() if isinstance(self.reference, Named) else self.reference
        )
        return made
