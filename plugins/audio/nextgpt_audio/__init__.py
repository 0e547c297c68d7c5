"""Sound for nextgpt. Names are imported when first used, so that planning stays light."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextgpt_registry.lazy import names

if TYPE_CHECKING:
    from nextgpt_audio.files import from_array, read
    from nextgpt_audio.modality import AUDIO

__all__ = ["AUDIO", "from_array", "read"]

__getattr__ = names(__name__, {"files": ("from_array", "read"), "modality": ("AUDIO",)})
