"""Answers to fixed prompts during training, as text and media. Knows no modality."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from nextgpt_core.answer import Answer, AnswerPart, Request, Text
from nextgpt_core.engine.language import Within
from nextgpt_core.engine.loop import Engine
from nextgpt_core.html import render
from nextgpt_core.system import System
from nextgpt_core.training.folder import RunFolder
from nextgpt_registry.config import Generation
from nextgpt_registry.content import replace_file
from nextgpt_registry.messages import Dialogue, Message, Part
from nextgpt_registry.targets import blamed


@dataclass(frozen=True)
class Samples:
    """Questions whose answers show how far a run has come."""

    questions: Sequence[Dialogue]  # each ends with the user's turn
    wanted: Sequence[Message]  # what the data answers
    tokens: int

    @classmethod
    def of(cls, dialogues: Sequence[Dialogue], *, tokens: int) -> Samples:
        """The questions of some dialogues, up to their last answer."""
        cut = [(dialogue, last_answer(dialogue)) for dialogue in dialogues]
        usable = [(dialogue, at) for dialogue, at in cut if at > 0]
        return cls(
            [dialogue[:at] for dialogue, at in usable],
            [dialogue[at] for dialogue, at in usable],
            tokens,
        )

    def show(self, system: System, run: RunFolder, step: int, *, within: Within) -> float:
        """Answer all `within` the run's precision, and log it; returns the seconds it took."""
        if not self.questions:
            return 0.0
        start = time.monotonic()
        with within():
            answers = self._answers(system, within)
        rows = []
        for number, (question, wanted) in enumerate(zip(self.questions, self.wanted, strict=True)):
            answer = answers[number]
            run.writer.add_text(f"samples/{number}", _plain(question, wanted, answer), step)
            for place, made in enumerate(answer.media):
                tag = f"samples/{number}/{made.channel}-{place}"
                for plugin, call in system.catalog.each("nextgpt_log_media"):
                    with blamed(f"{plugin}: nextgpt_log_media"):
                        told = call(writer=run.writer, tag=tag, media=made.media, step=step)
                    if told is not None:
                        break
            rows.append({"question": question, "wanted": wanted, "answer": answer})
        page = render("samples.html", title=f"Step {step}", rows=rows, catalog=system.catalog)
        replace_file(run.path / "samples" / f"step-{step:06d}.html", page.encode())
        run.writer.flush()
        return time.monotonic() - start

    def _answers(self, system: System, within: Within) -> list[Answer]:
        """One after the other, with nothing kept from when the weights were others."""
        engine = Engine(system, untrained=True, within=within)  # they show how far it has come
        generation = Generation(max_tokens=self.tokens)
        try:
            return [engine.answer(Request(tuple(one), generation)) for one in self.questions]
        finally:
            engine.close()


def last_answer(dialogue: Dialogue) -> int:
    """The index of the last assistant turn; 0 if there is none to be asked for."""
    places = [at for at, turn in enumerate(dialogue) if turn.role == "assistant"]
    return places[-1] if places else 0


def _plain(question: Dialogue, wanted: Message, answer: Answer) -> str:
    def said(parts: Sequence[Part | AnswerPart]) -> str:
        return " ".join(
            part
            if isinstance(part, str)
            else part.text
            if isinstance(part, Text)
            else f"[{part.channel}]"
            for part in parts
        )

    asked = "\n\n".join(f"**{turn.role}** {said(turn.parts)}" for turn in question)
    return f"{asked}\n\n**data** {said(wanted.parts)}\n\n**answer** {said(answer.parts)}"
