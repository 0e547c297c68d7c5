"""Any-to-any chat: one language model, and whatever encoders and decoders are plugged into it.

Names are imported when they are first used: torch alone costs more than a second.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nextgpt_core.answer import (
        Answer,
        Event,
        FailedMedia,
        Finished,
        GeneratedMedia,
        MediaDone,
        MediaFailed,
        MediaNoted,
        MediaProgress,
        MediaStarted,
        Text,
        TextDelta,
        Timings,
    )
    from nextgpt_core.builder import Builder
    from nextgpt_core.conversation import Conversation
    from nextgpt_core.engine.request import Cancel
    from nextgpt_core.pipeline import Pipeline

__all__ = [
    "Answer",
    "Builder",
    "Cancel",
    "Conversation",
    "Event",
    "FailedMedia",
    "Finished",
    "GeneratedMedia",
    "MediaDone",
    "MediaFailed",
    "MediaNoted",
    "MediaProgress",
    "MediaStarted",
    "Pipeline",
    "Text",
    "TextDelta",
    "Timings",
]

_HOME = {
    "nextgpt_core.builder": ("Builder",),
    "nextgpt_core.conversation": ("Conversation",),
    "nextgpt_core.answer": (
        "Answer",
        "Event",
        "FailedMedia",
        "Finished",
        "GeneratedMedia",
        "MediaDone",
        "MediaFailed",
        "MediaProgress",
        "MediaStarted",
        "MediaNoted",
        "Text",
        "TextDelta",
        "Timings",
    ),
    "nextgpt_core.engine.request": ("Cancel",),
    "nextgpt_core.pipeline": ("Pipeline",),
}
_MODULES = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:
    """The public name, from the module that defines it."""
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names."""
    return __all__
