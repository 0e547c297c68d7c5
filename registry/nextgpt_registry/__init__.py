"""The contract between the core and its plugins. Imports no torch, and never will.

Names are imported when they are first used: so nothing is, before the command can be interrupted.
"""

from typing import TYPE_CHECKING

from nextgpt_registry.lazy import names

if TYPE_CHECKING:
    from nextgpt_registry.catalog import Catalog
    from nextgpt_registry.config import Config
    from nextgpt_registry.configfile import Loaded, dump_config, load_config
    from nextgpt_registry.errors import (
        Cancelled,
        ConfigError,
        DecodeError,
        EncodeError,
        LockError,
        MediaError,
        NextGPTError,
        PlanError,
        PluginError,
        Problem,
        RequestError,
        ShapeError,
        SourceError,
        TrainingError,
    )
    from nextgpt_registry.hookspecs import hookimpl
    from nextgpt_registry.lock import Lock, read_lock, write_lock
    from nextgpt_registry.media import Blob, Media
    from nextgpt_registry.messages import Dialogue, MediaPart, Message
    from nextgpt_registry.plan import Plan, Planned, make_plan, plan_system
    from nextgpt_registry.plan.resolve import resolve
    from nextgpt_registry.specs import (
        API,
        Condition,
        Decoder,
        Encoder,
        Fixed,
        Limit,
        Manifest,
        Modality,
        Options,
        Projection,
        System,
    )

__all__ = [
    "API",
    "Blob",
    "Cancelled",
    "Catalog",
    "Condition",
    "Config",
    "ConfigError",
    "DecodeError",
    "Decoder",
    "Dialogue",
    "EncodeError",
    "Encoder",
    "Fixed",
    "Limit",
    "Loaded",
    "Lock",
    "LockError",
    "Manifest",
    "Media",
    "MediaError",
    "MediaPart",
    "Message",
    "Modality",
    "NextGPTError",
    "Options",
    "Plan",
    "PlanError",
    "Planned",
    "PluginError",
    "Problem",
    "Projection",
    "RequestError",
    "ShapeError",
    "SourceError",
    "System",
    "TrainingError",
    "dump_config",
    "hookimpl",
    "load_config",
    "make_plan",
    "plan_system",
    "read_lock",
    "resolve",
    "write_lock",
]

__getattr__ = names(
    __name__,
    {
        "catalog": ("Catalog",),
        "config": ("Config",),
        "configfile": (
            "Loaded",
            "dump_config",
            "load_config",
        ),
        "errors": (
            "Cancelled",
            "ConfigError",
            "DecodeError",
            "EncodeError",
            "LockError",
            "MediaError",
            "NextGPTError",
            "PlanError",
            "PluginError",
            "Problem",
            "RequestError",
            "ShapeError",
            "SourceError",
            "TrainingError",
        ),
        "hookspecs": ("hookimpl",),
        "lock": (
            "Lock",
            "read_lock",
            "write_lock",
        ),
        "media": (
            "Blob",
            "Media",
        ),
        "messages": (
            "Dialogue",
            "MediaPart",
            "Message",
        ),
        "plan": (
            "Plan",
            "Planned",
            "make_plan",
            "plan_system",
            "resolve",
        ),
        "specs": (
            "API",
            "Condition",
            "Decoder",
            "Encoder",
            "Fixed",
            "Limit",
            "Manifest",
            "Modality",
            "Options",
            "Projection",
            "System",
        ),
    },
)


def __dir__() -> list[str]:
    """The public names."""
    return __all__
