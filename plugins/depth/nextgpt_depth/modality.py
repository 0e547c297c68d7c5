"""What a depth map is here: layout, units, files, limits. Imports no decoder.

Layout of a depth map's `Media.data`: float32 (H, W), the distance along the line of sight's axis in
metres; 0 is where nothing was measured. Units and layout are those of ROS REP 118, but for its NaN.

It is written as PFM (portable float map), the format of Middlebury, Scene Flow and MiDaS: exact,
and by its first bytes no picture. 16-bit greyscale PNG, millimetres, is read when it is *said* to
be a depth map (`depth=scan.png`): by its content it may as well be a picture.
"""

from __future__ import annotations

from nextgpt_registry.specs import Limit, Modality

DEPTH = Modality(
    name="depth",
    summary="depth maps: float32 (height, width), metres, 0 where nothing was measured",
    mime=("image/x-portable-floatmap",),
    suffixes=(".pfm",),
    limits=(
        Limit(of="bytes", at_most=64_000_000),
        Limit(of="pixels", at_most=16_000_000),
        Limit(of="columns-or-rows", at_most=1_000_000),  # resizing a line costs by its length
    ),
    sample="nextgpt_depth.files:sample",
    part_types=("depth_url", "input_depth"),
)
