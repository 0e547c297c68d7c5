"""Videos for nextgpt. Names are imported when first used, so that planning stays light."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nextgpt_video.files import from_array, read
    from nextgpt_video.modality import VIDEO

__all__ = ["VIDEO", "from_array", "read"]

_HOMES = {"VIDEO": "modality", "from_array": "files", "read": "files"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
