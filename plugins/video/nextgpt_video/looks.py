"""A decoded frame to the pixels that it shows: RGB, upright, on white, its pixels square.

What a video says of its colours, shape and orientation is honoured; where it says no matrix, large
frames are taken for BT.709 and small ones for BT.601, as players do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
from av.video.reformatter import Colorspace

from nextgpt_video.gamut import is_wide, to_srgb

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_UNSAID = 2  # FFmpeg's number of a colour space that nobody named
_HIGH_DEFINITION = 720  # rows from which that is BT.709
_FORMATS = {  # by whether colours are wide, and whether there is transparency
    (False, False): "rgb24",
    (False, True): "rgba",
    (True, False): "rgb48le",
    (True, True): "rgba64le",
}
_OBLONG = 16  # times as long as wide: beyond that the shape of a pixel is a mistake


def shown_size(stream: VideoStream) -> tuple[int, int]:
    """(width, height) of a stream's frames once their pixels are square: none is lost."""
    width, height = stream.codec_context.width, stream.codec_context.height
    shape = float(stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or 1)
    if not 1 / _OBLONG <= shape <= _OBLONG:
        return width, height
    return (round(width * shape), height) if shape >= 1 else (width, round(height / shape))


def pixels(frame: VideoFrame, size: tuple[int, int]) -> Any:
    """(H, W, 3), of `size` before it is turned: transparency laid on white, turned upright.

    High dynamic range and wide gamut are brought to sRGB.
    """
    width, height = size
    see_through = frame.format.has_palette or any(c.is_alpha for c in frame.format.components)
    wide = is_wide(frame.color_trc, frame.color_primaries)
    wanted = _FORMATS[wide, see_through]
    found: Any = frame.reformat(
        width=width, height=height, format=wanted, src_colorspace=_matrix(frame)
    ).to_ndarray()
    shown, alpha = found[..., :3], found[..., 3:]
    if wide:
        shown, alpha = to_srgb(shown, frame.color_trc, frame.color_primaries), alpha >> 8
    if see_through:
        alpha = alpha.astype(np.uint16)
        shown = ((shown * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return np.ascontiguousarray(_upright(shown, frame))


def _matrix(frame: VideoFrame) -> Colorspace | None:
    """What the file does not say of the way from its colours to RGB; None if it says."""
    unsaid = frame.colorspace == _UNSAID and not frame.format.is_rgb
    return Colorspace.ITU709 if unsaid and frame.height >= _HIGH_DEFINITION else None


def _upright(shown: Any, frame: VideoFrame) -> Any:
    """Turned, and mirrored where the matrix says so, to the nearest quarter."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return shown
    a, b, _, c, d = (
        np.frombuffer(memoryview(cast("Any", matrix)), np.int32)[:5].astype(np.int64).tolist()
    )
    if a * d - b * c < 0:  # mirrored: undo it across the columns, and turn what is left
        shown, a, b = shown[:, ::-1], -a, -b
    return np.rot90(shown, k=-round(np.degrees(np.arctan2(b, a)) / 90) % 4)
