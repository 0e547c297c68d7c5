"""The names that others may import from the registry: a change here is a change of the protocol."""

from __future__ import annotations

import nextgpt_registry

PUBLIC = [
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


def test_the_registry_exports_what_it_promised() -> None:
    assert nextgpt_registry.__all__ == PUBLIC


def test_exported_names_are_sorted_and_there() -> None:
    assert sorted(PUBLIC) == PUBLIC
    assert not [name for name in PUBLIC if not hasattr(nextgpt_registry, name)]
