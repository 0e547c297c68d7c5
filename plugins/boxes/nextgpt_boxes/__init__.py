"""Boxes in pictures for nextgpt. Names are imported when first used: planning stays light."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextgpt_registry.lazy import names

if TYPE_CHECKING:
    from nextgpt_boxes.draw import overlay
    from nextgpt_boxes.medium import Box, Boxes, Picture, of_media, to_media
    from nextgpt_boxes.modality import BOXES

__all__ = ["BOXES", "Box", "Boxes", "Picture", "of_media", "overlay", "to_media"]

__getattr__ = names(
    __name__,
    {
        "draw": ("overlay",),
        "medium": ("Box", "Boxes", "Picture", "of_media", "to_media"),
        "modality": ("BOXES",),
    },
)
