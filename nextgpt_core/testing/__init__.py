"""The kit for live systems: a request end to end on a tiny language model. Needs pytest.

Names are imported when they are first used: a declaration under `toy` costs no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nextgpt_core.testing.kit import SystemKit
    from nextgpt_core.testing.systems import SystemTests
    from nextgpt_core.testing.tiny import save_tiny_llm, tiny_tokenizer
    from nextgpt_core.testing.toy import ToyPlugin, glyph

__all__ = ["SystemKit", "SystemTests", "ToyPlugin", "glyph", "save_tiny_llm", "tiny_tokenizer"]

_HOME = {
    "SystemKit": "kit",
    "SystemTests": "systems",
    "ToyPlugin": "toy",
    "glyph": "toy",
    "save_tiny_llm": "tiny",
    "tiny_tokenizer": "tiny",
}


def __getattr__(name: str) -> Any:
    """The public name, from the module that defines it."""
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
