"""The suites `chat` and `perplexity`: what training for media must not have spoiled."""

from __future__ import annotations

from collections.abc import Iterable

from nextgpt_registry.messages import Message
from nextgpt_registry.suites import TEXT, AtMost, Expected, Prompt, Suite
from nextgpt_world.chat import held_out, pairs

FALSE_MEDIA, RATIO = 0.01, 1.05


def worded(name: str, asked: Iterable[str]) -> list[Prompt]:
    """Prompts to be answered with words alone, numbered under a name."""
    return [
        Prompt(f"{name}/{n}", "text->text", (Expected(TEXT),), (Message("user", (said,)),))
        for n, said in enumerate(asked)
    ]


def chat() -> Suite:
    """200 prompts of plain chat, never trained on, whose answer is text alone."""
    return Suite("chat", worded("chat", held_out()), goals={"*/false_media": AtMost(FALSE_MEDIA)})


def perplexity() -> Suite:
    """Prompts never trained on, with what the bare language model answers to them."""
    dialogues = [
        (Message("user", (asked,)), Message("assistant", (answer,)))
        for asked, answer in pairs(kept=True)
    ]
    return Suite("perplexity", (), goals={"perplexity/ratio": AtMost(RATIO)}, dialogues=dialogues)
