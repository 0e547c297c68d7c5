"""What a picture is here: formats, limits, layout. Imports no decoder.

Layout of a picture's `Media.data`: uint8 (H, W, 3), RGB, upright, transparency laid on white.
"""

from __future__ import annotations

from nextgpt_registry.specs import Limit, Modality

IMAGE = Modality(
    name="image",
    summary="still pictures: uint8 (height, width, 3), RGB",
    mime=("image/png", "image/jpeg", "image/webp", "image/gif"),
    suffixes=(".png", ".apng", ".jpg", ".jpeg", ".jfif", ".webp", ".gif"),
    limits=(
        Limit(of="bytes", at_most=64_000_000),
        Limit(of="pixels", at_most=50_000_000),
        Limit(of="columns-or-rows", at_most=1_000_000),  # resizing a line costs by its length
    ),
    sample="nextgpt_image.files:sample",
    writes=(".png", ".jpg", ".jpeg", ".webp", ".gif"),
    part_types=("image_url", "input_image"),
)

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
SHARED = (".gif", "image/gif")
"""Also used for videos: such a name promises nothing."""
