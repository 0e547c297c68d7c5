"""ImageBind built at its published size, or narrow. Loads nothing."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from nextgpt_imagebind.options import WIDTH
from nextgpt_imagebind.package import model_class

_TOWERS = ("vision", "text", "audio", "depth", "thermal", "imu")
_HUGE: dict[str, Any] = {  # what differs from the class's defaults, as the package's own factory
    "vision_embed_dim": 1280,
    "vision_num_blocks": 32,
    "vision_num_heads": 16,
    "text_embed_dim": 1024,
    "text_num_blocks": 24,
    "text_num_heads": 16,
    "out_embed_dim": WIDTH,
    "audio_drop_path": 0.1,
    "imu_drop_path": 0.7,
}


def build(narrow: int | None = None) -> nn.Module:
    """ImageBind with random weights on the current default device, or `narrow` all through."""
    sizes = _narrow(narrow) if narrow else _HUGE
    if torch.get_default_device().type != "meta":
        return model_class()(**sizes)
    from accelerate import init_empty_weights  # half a second: only to measure

    # The constructor reads values of a linspace, which the meta device has none of.
    with torch.device("cpu"), init_empty_weights(include_buffers=False):
        model = model_class()(**sizes)
    return model.to("meta")


def _narrow(width: int) -> dict[str, Any]:
    sizes: dict[str, Any] = {"out_embed_dim": width}
    for tower in _TOWERS:
        sizes[f"{tower}_embed_dim"] = width
        sizes[f"{tower}_num_blocks"] = sizes[f"{tower}_num_heads"] = 2
    return sizes
