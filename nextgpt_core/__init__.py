"""Any-to-any chat: one language model, and whatever encoders and decoders are plugged into it.

Names are imported when they are first used: torch alone costs more than a second.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nextgpt_core.answer import Answer, FailedMedia, GeneratedMedia, Text, Timings
    from nextgpt_core.builder import Builder
    from nextgpt_core.conversation import Conversation
    from nextgpt_core.engine.events import (
        Event,
        Finished,
        MediaDone,
        MediaFailed,
        MediaNoted,
        MediaProgress,
        MediaStarted,
        TextDelta,
    )
    from nextgpt_core.engine.request import Cancel
    from nextgpt_core.evaluation.run import Report
    from nextgpt_core.model import NextGPT
    from nextgpt_core.pipeline import Pipeline
    from nextgpt_core.tasks import add_channels, evaluate, train
    from nextgpt_core.training.adding import AdditionResult
    from nextgpt_core.training.start import TrainingResult
    from nextgpt_registry.media import Media
    from nextgpt_registry.messages import MediaPart, Message

__all__ = [
    "AdditionResult",
    "Answer",
    "Builder",
    "Cancel",
    "Conversation",
    "Event",
    "FailedMedia",
    "Finished",
    "GeneratedMedia",
    "Media",
    "MediaDone",
    "MediaFailed",
    "MediaNoted",
    "MediaPart",
    "MediaProgress",
    "MediaStarted",
    "Message",
    "NextGPT",
    "Pipeline",
    "Report",
    "Text",
    "TextDelta",
    "Timings",
    "TrainingResult",
    "add_channels",
    "evaluate",
    "train",
]

_HOME = {
    "nextgpt_core.answer": ("Answer", "FailedMedia", "GeneratedMedia", "Text", "Timings"),
    "nextgpt_core.builder": ("Builder",),
    "nextgpt_core.conversation": ("Conversation",),
    "nextgpt_core.engine.events": (
        "Event",
        "Finished",
        "MediaDone",
        "MediaFailed",
        "MediaProgress",
        "MediaStarted",
        "MediaNoted",
        "TextDelta",
    ),
    "nextgpt_core.engine.request": ("Cancel",),
    "nextgpt_core.evaluation.run": ("Report",),
    "nextgpt_core.model": ("NextGPT",),
    "nextgpt_core.pipeline": ("Pipeline",),
    "nextgpt_core.tasks": ("add_channels", "evaluate", "train"),
    "nextgpt_core.training.adding": ("AdditionResult",),
    "nextgpt_core.training.start": ("TrainingResult",),
    "nextgpt_registry.media": ("Media",),
    "nextgpt_registry.messages": ("MediaPart", "Message"),
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
