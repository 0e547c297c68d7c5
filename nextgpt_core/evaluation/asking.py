"""Prompts put to a system and judged, one or a conversation of them. Knows no modality.

The system is asked as a user would ask it: no counts are required of it, whatever is expected.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from nextgpt_core.answer import Answer, finished, item_seed
from nextgpt_core.conversation import Conversation
from nextgpt_core.evaluation import metrics, wording
from nextgpt_core.evaluation.scores import Result
from nextgpt_core.pipeline import Pipeline
from nextgpt_registry.errors import ConfigError, NextGPTError, RequestError
from nextgpt_registry.media import Media
from nextgpt_registry.messages import MediaPart, Message, Part
from nextgpt_registry.suites import TEXT, Judge, Prompt
from nextgpt_registry.targets import blamed


@dataclass(frozen=True)
class Asked:
    """A prompt, what came of it, and its answer (None where there was none)."""

    messages: tuple[Message, ...]
    answer: Answer | None
    result: Result


class Asker:
    """Asks one system, and judges with one suite's judges.

    Prompts of the directions in `baseline` are put to `bare` too, which reads words alone.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        judges: Mapping[str, Judge],
        *,
        bare: Pipeline | None = None,
        baseline: Collection[str] = (),
    ) -> None:
        self._pipeline = pipeline
        self._judges = judges
        self._bare, self._baseline = bare, baseline
        channels, ready = pipeline.system.plan.channels, pipeline.engine.readiness
        self._reads: dict[str, str] = {}  # the first channel of each modality
        self._makes: dict[str, str] = {}
        self._untrained: set[str] = set()  # modalities that a channel without training would make
        for name, channel in channels.items():
            if channel.encoder and not ready.lacking(name, "in"):
                self._reads.setdefault(channel.modality.name, name)
            if channel.decoder and not ready.lacking(name, "chosen"):
                self._makes.setdefault(channel.modality.name, name)
            self._untrained |= {channel.modality.name} if name in ready.untrained else set()

    def converse(self, prompts: Sequence[Prompt]) -> list[Asked]:
        """Ask prompts one after the other in a conversation.

        What failed is not part of it. After one that cannot be asked, none is.
        """
        talk, found = Conversation(self._pipeline), list[Asked]()
        for prompt in prompts:
            why = found[-1].result.skipped if found else ""
            found.append(_skipped(prompt, why) if why else self.ask(prompt, talk))
        return found

    def ask(self, prompt: Prompt, conversation: Conversation | None = None) -> Asked:
        """Ask a prompt, in a new conversation or a given one; what goes wrong is in the result."""
        talk = conversation or Conversation(self._pipeline)
        lacking = sorted({e.kind for e in prompt.expected} - {TEXT, *self._makes})
        if lacking:
            return _skipped(prompt, f"it makes no {', '.join(lacking)}{self._why(lacking)}")
        try:
            messages = tuple(self._message(message) for message in prompt.request())
        except RequestError as error:
            return _skipped(prompt, f"{error.who}: {error.what}")
        seed = item_seed(self._pipeline.config.generation.seed, prompt.id)
        shown = (*talk.messages[-2:], *messages)
        start = time.monotonic()
        try:
            answer = finished(talk.stream(list(messages), seed=seed))
        except NextGPTError as error:
            scored = self._scored(prompt, None)
            return Asked(shown, None, scored.model_copy(update={"error": str(error)}))
        more = {"seconds": round(time.monotonic() - start, 3), "bare": self._said(prompt, seed)}
        return Asked(shown, answer, self._scored(prompt, answer).model_copy(update=more))

    def _said(self, prompt: Prompt, seed: int) -> str | None:
        """What the bare language model answers, if it is asked."""
        if self._bare is None or prompt.direction not in self._baseline:
            return None
        answer = finished(self._bare.ask(prompt.request(), seed=seed))
        return answer.text.strip()

    def _scored(self, prompt: Prompt, answer: Answer | None) -> Result:
        base = _unasked(prompt)
        text = answer.text.strip() if answer else ""
        media = [made.media for made in answer.media] if answer else []
        found = (*([TEXT] if text else []), *(medium.modality for medium in media))
        told = self._told(prompt, text, media)
        wanted = base.expected
        several = sum(kind != TEXT for kind in wanted) > 1
        failed = answer.failures if answer else ()
        unsaid, unwanted = wording.unsaid(text, prompt.says), wording.stated(text, prompt.never)
        return base.model_copy(
            update={
                "kinds": found,
                "judged": told,
                "structure": metrics.structure(wanted, found, prompt.optional),
                "coverage": metrics.coverage(wanted, found),
                "order": metrics.order(wanted, found) if several else None,
                "concept": metrics.concept(prompt.expected, told),
                "attributes": metrics.attributes(prompt.expected, told),
                "said": not (unsaid or unwanted) if prompt.says or prompt.never else None,
                "unsaid": unsaid,
                "unwanted": unwanted,
                "false_media": metrics.false_media(wanted, found, prompt.optional),
                "text": text,
                "error": "; ".join(str(part.error) for part in failed),
            }
        )

    def _told(
        self, prompt: Prompt, text: str, media: Sequence[Media]
    ) -> tuple[dict[str, str] | None, ...]:
        """What the judges find in each thing expected: the k-th of its kind; None if absent."""
        waiting = {m.modality: [x for x in media if x.modality == m.modality] for m in media}
        told: list[dict[str, str] | None] = []
        for expected in prompt.expected:
            queue = waiting.get(expected.kind, [])
            thing: str | Media | None = queue.pop(0) if queue else None
            if expected.kind == TEXT:
                thing = text or None
            judge = self._judges.get(expected.kind)
            if expected.facts and judge is None:
                raise ConfigError(
                    f"prompt {prompt.id}",
                    f"wants facts of {expected.kind}, and the suite has no judge of it",
                    f"judges: {', '.join(self._judges) or 'none'}",
                )
            with blamed(f"the judge of {expected.kind}"):
                judged = judge.facts([thing])[0] if judge and thing is not None else None
            told.append(None if judged is None else dict(judged))
        return tuple(told)

    def _why(self, kinds: Sequence[str]) -> str:
        return ": untrained" if set(kinds) & self._untrained else ""

    def _message(self, message: Message) -> Message:
        return Message(message.role, tuple(self._part(part, message) for part in message.parts))

    def _part(self, part: Part, message: Message) -> Part:
        """A medium under the channel of this system that reads, or makes, its modality."""
        if isinstance(part, str):
            return part
        channels = self._makes if message.role == "assistant" else self._reads
        channel = channels.get(part.channel)
        if channel is None:
            verb = "makes" if message.role == "assistant" else "reads"
            why = self._why([part.channel])
            raise RequestError("prompt", f"this system {verb} no {part.channel}{why}")
        return MediaPart(channel, part.media, part.caption)


def _skipped(prompt: Prompt, why: str) -> Asked:
    return Asked((), None, _unasked(prompt).model_copy(update={"skipped": why}))


def _unasked(prompt: Prompt) -> Result:
    return Result(
        id=prompt.id,
        direction=prompt.direction,
        group=prompt.group,
        expected=tuple(e.kind for e in prompt.expected),
        kinds=(),
        wanted=tuple(dict(e.facts) for e in prompt.expected),
        concepts=tuple(e.concept for e in prompt.expected),
        judged=tuple(None for _ in prompt.expected),
    )
