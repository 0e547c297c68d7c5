"""The kit for live systems: a request end to end on a tiny language model. Needs pytest."""

from nextgpt_core.testing.kit import SystemKit
from nextgpt_core.testing.systems import SystemTests
from nextgpt_core.testing.tiny import save_tiny_llm, tiny_tokenizer
from nextgpt_core.testing.toy import ToyPlugin, glyph

__all__ = ["SystemKit", "SystemTests", "ToyPlugin", "glyph", "save_tiny_llm", "tiny_tokenizer"]
