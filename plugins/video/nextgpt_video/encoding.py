"""Videos to MP4, as browsers play it: H.264, 4:2:0, index first. Knows nothing about reading."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import numpy as np

from nextgpt_registry.media import Media

_BT709 = 1  # FFmpeg's number of it, for primaries, transfer and matrix alike
_QUALITY = {"crf": "16", "preset": "fast"}


def mp4(media: Media) -> bytes:
    """The video as an MP4 file; an odd width or height gains one repeated row or column."""
    frames = media.data
    frames = np.pad(
        frames,
        ((0, 0), (0, frames.shape[1] % 2), (0, frames.shape[2] % 2), (0, 0)),
        mode="edge",
    )
    with TemporaryDirectory() as folder:  # FFmpeg goes back over the file to put the index first
        path = Path(folder) / "video.mp4"
        _encode(frames, Fraction(media.rate or 1).limit_denominator(60_000), path)
        return path.read_bytes()


def _encode(frames: Any, rate: Fraction, path: Path) -> None:
    with av.open(path, "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=rate, options=_QUALITY)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        for pixels in frames:
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
