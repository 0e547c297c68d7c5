"""The kit for systems and additions, on a tiny language model. Needs pytest."""

from nextgpt_core.testing.additions import AdditionTests
from nextgpt_core.testing.kit import SystemKit
from nextgpt_core.testing.systems import SystemTests
from nextgpt_core.testing.tiny import save_tiny_llm, tiny_tokenizer
from nextgpt_core.testing.toy import ToyPlugin, glyph

__all__ = [
    "AdditionTests",
    "SystemKit",
    "SystemTests",
    "ToyPlugin",
    "glyph",
    "save_tiny_llm",
    "tiny_tokenizer",
]
