"""What was trained on stays what it was: the same numbers are the same dialogues and renderings."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from nextgpt_registry.messages import Message
from nextgpt_world.data import Dialogues
from nextgpt_world.scene import caption
from nextgpt_world.suite import any2any


def digest(words: list[str]) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]


def words(message: Message) -> str:
    return "|".join(p if isinstance(p, str) else f"{p.channel}:{p.caption}" for p in message.parts)


@pytest.mark.parametrize(
    ("stage", "wanted"),
    [
        ("encode", "0ccaa8b20f3b08ad"),
        ("decode", "c753e855fc157aad"),
        ("instruct", "597cd1f364f84878"),
    ],
)
def test_dialogues_of_a_number_never_change(stage: str, wanted: str) -> None:
    dialogues = Dialogues(stage)  # type: ignore[arg-type]

    lines = [line for number in range(400) for line in dialogues.script(number).lines]
    said = [one if isinstance(one, str) else caption(one) for line in lines for one in line.parts]

    assert digest(said) == wanted


def test_requests_of_the_suite_never_change() -> None:
    suite = any2any(library="samples")

    asked = [f"{p.id} {[sorted(e.facts.items()) for e in p.expected]}" for p in suite.prompts]
    asked += [words(message) for prompt in suite.prompts[:60:4] for message in prompt.request()]

    assert digest(asked) == "d14c885b3018e9b8"


def test_renderings_of_a_number_never_change() -> None:
    dialogues = Dialogues("encode", library="samples")

    shown = [part.media for n in range(12) for m in dialogues[n] for part in m.media if part.media]
    found = {m.modality: float(np.asarray(m.data, np.float64).std()) for m in shown}

    # of codecs and resizing each version rounds in its own way
    assert found == pytest.approx({"video": 46.738, "audio": 0.025189, "image": 25.647}, rel=0.005)
