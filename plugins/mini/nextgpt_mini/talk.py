"""The suites `chat` and `perplexity`: what training for media must not have spoiled."""

from __future__ import annotations

from nextgpt_mini.world.chat import held_out, pairs
from nextgpt_registry.messages import Turn
from nextgpt_registry.suites import TEXT, AtMost, Expected, Prompt, Suite

FALSE_MEDIA, RATIO = 0.01, 1.05


def chat() -> Suite:
    """200 prompts of plain chat, never trained on, whose answer is text alone."""
    prompts = [
        Prompt(f"chat/{n}", "text->text", (Expected(TEXT),), (Turn("user", (asked,)),))
        for n, asked in enumerate(held_out())
    ]
    return Suite("chat", prompts, goals={"*/false_media": AtMost(FALSE_MEDIA)})


def perplexity() -> Suite:
    """Prompts never trained on, with what the bare language model answers to them."""
    dialogues = [
        (Turn("user", (asked,)), Turn("assistant", (answer,))) for asked, answer in pairs(kept=True)
    ]
    return Suite("perplexity", (), goals={"perplexity/ratio": AtMost(RATIO)}, dialogues=dialogues)
