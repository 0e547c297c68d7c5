"""What a video is here: formats, limits, layout. Imports no decoder.

Layout of a video's `Media.data`: uint8 (F, H, W, 3), RGB, upright; `Media.rate` in frames a second,
the same throughout. Sound tracks are not kept.
"""

from __future__ import annotations

from nextgpt_registry.specs import Limit, Modality

VIDEO = Modality(
    name="video",
    summary="videos: uint8 (frames, height, width, 3), RGB, at a constant rate",
    mime=("video/mp4", "video/webm", "video/quicktime", "video/x-matroska", "image/gif"),
    suffixes=(".mp4", ".webm", ".mov", ".m4v", ".mkv", ".gif"),
    limits=(
        Limit(of="bytes", at_most=256_000_000),
        Limit(of="seconds", at_most=300),
        Limit(of="frames", at_most=3600),
        Limit(of="pixels", at_most=9_000_000),  # of one frame
        Limit(of="columns-or-rows", at_most=1_000_000),  # resizing a line costs by its length
    ),
    sample="nextgpt_video.files:sample",
    writes=(".mp4", ".webm", ".gif"),
    part_types=("video_url", "input_video"),
)

FORMATS = ("MP4", "WEBM", "MATROSKA", "GIF")
SHARED = (".gif", "image/gif")
"""Also used for pictures: such a name promises nothing."""

HIGHEST_RATE = 240
"""Frames a second above which a rate is taken for a mistake."""

MEMORY = 1 << 28
"""Bytes of decoded frames; a longer or larger video is scaled down to fit while it is decoded."""
