"""Any-to-any chat: one language model, and whatever encoders and decoders are plugged into it.

Names are imported when they are first used: torch alone costs more than a second.
"""

from typing import TYPE_CHECKING

from nextgpt_registry.lazy import names

if TYPE_CHECKING:
    from nextgpt_core.answer import (
        Answer,
        Cancel,
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
    from nextgpt_core.benchmark.result import Benchmark
    from nextgpt_core.builder import Builder
    from nextgpt_core.conversation import Conversation
    from nextgpt_core.embedding import Embedding
    from nextgpt_core.evaluation.run import Report
    from nextgpt_core.model import NextGPT
    from nextgpt_core.pipeline import Pipeline
    from nextgpt_core.tasks import add_channels, bench, evaluate, train
    from nextgpt_core.training.adding import AdditionResult
    from nextgpt_core.training.start import TrainingResult

from nextgpt_registry.media import Media
from nextgpt_registry.messages import MediaPart, Message

__all__ = [
    "AdditionResult",
    "Answer",
    "Benchmark",
    "Builder",
    "Cancel",
    "Conversation",
    "Embedding",
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
    "bench",
    "evaluate",
    "train",
]

__getattr__ = names(
    __name__,
    {
        "answer": (
            "Answer",
            "Cancel",
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
        "benchmark.result": ("Benchmark",),
        "builder": ("Builder",),
        "conversation": ("Conversation",),
        "embedding": ("Embedding",),
        "evaluation.run": ("Report",),
        "model": ("NextGPT",),
        "pipeline": ("Pipeline",),
        "tasks": ("add_channels", "bench", "evaluate", "train"),
        "training.adding": ("AdditionResult",),
        "training.start": ("TrainingResult",),
    },
)


def __dir__() -> list[str]:
    """The public names."""
    return __all__
