"""What of a medium ImageBind does not take in, in words for its sender. Knows no model."""

from __future__ import annotations

from nextgpt_imagebind import motions, sounds, videos
from nextgpt_imagebind.clips import SECONDS
from nextgpt_registry.media import Media


def unseen(media: Media) -> str:
    """`lasts 60 s: 3 clips of 2 s, from start to end, are heard`; "" where the most is taken in."""
    count = len(media.data)
    lasts = count / float(media.rate) if media.rate else 0.0
    match media.modality:
        case "audio" if lasts > sounds.CLIPS * SECONDS:
            said = f"{sounds.CLIPS} clips of {SECONDS:g} s, from start to end, are heard"
        case "video" if lasts > videos.CLIPS * SECONDS:
            said = (
                f"{videos.CLIPS} clips of {SECONDS:g} s, from start to end, are seen, "
                f"{videos.FRAMES} frames of each"
            )
        case "imu" if lasts > motions.STEPS / motions.RATE:
            said = f"the first {motions.STEPS / motions.RATE:g} s are felt"
        case "image" | "thermal" | "depth":
            return _beside(*media.data.shape[:2])
        case _:
            return ""
    return f"lasts {lasts:.4g} s: {said}"


def _beside(height: int, width: int) -> str:
    short, long = sorted((height, width))
    if long <= 2 * short:
        return ""
    return f"is {width}x{height} pixels: the middle {short}x{short} are seen"
