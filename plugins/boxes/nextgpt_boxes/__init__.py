"""Boxes in pictures for nextgpt. Names are imported when first used: planning stays light."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nextgpt_boxes.draw import overlay
    from nextgpt_boxes.medium import Box, Boxes, Picture, of_media, to_media
    from nextgpt_boxes.modality import BOXES

__all__ = ["BOXES", "Box", "Boxes", "Picture", "of_media", "overlay", "to_media"]

_HOMES = {"BOXES": "modality", "overlay": "draw"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'medium')}"), name)
