"""The kit for systems and additions, on a tiny language model. Needs pytest.

Names are imported when they are first used: a declaration under `toy` costs no torch.
"""

from typing import TYPE_CHECKING

from nextgpt_registry.lazy import names

if TYPE_CHECKING:
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

__getattr__ = names(
    __name__,
    {
        "additions": ("AdditionTests",),
        "kit": ("SystemKit",),
        "systems": ("SystemTests",),
        "tiny": ("save_tiny_llm", "tiny_tokenizer"),
        "toy": ("ToyPlugin", "glyph"),
    },
)
