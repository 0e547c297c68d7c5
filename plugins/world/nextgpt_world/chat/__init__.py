"""Plain chat without media: the prompts, and what the language model itself answers to them."""

from nextgpt_world.chat.pairs import pairs
from nextgpt_world.chat.prompts import held_out, prompts

__all__ = ["held_out", "pairs", "prompts"]
