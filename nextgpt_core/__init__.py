"""Any-to-any chat: one language model, and whatever encoders and decoders are plugged into it.

Names are imported when they are first used: torch alone costs more than a second.
"""

from typing import TYPE_CHECKING

from nextgpt_registry.lazy import names

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

__getattr__ = names(
    __name__,
    {
        "answer": (
            "Answer",
            "Event",
            "FailedMedia",
            "Finished",
            "GeneratedMedia",
            "MediaDone",
            "MediaFailed",
            "MediaNoted",
            "MediaProgress",
            "MediaStarted",
            "Text",
            "TextDelta",
            "Timings",
        ),
        "builder": ("Builder",),
        "conversation": ("Conversation",),
        "engine.request": ("Cancel",),
        "pipeline": ("Pipeline",),
    },
)


def __dir__() -> list[str]:
    """The public names."""
    return __all__
