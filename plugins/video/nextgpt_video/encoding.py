"""Videos to files: MP4 as browsers play it (H.264, 4:2:0, index first), WebM, animated GIF.

Knows nothing about reading.
"""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import numpy as np
from PIL import Image

from nextgpt_registry.media import Media

_BT709 = 1  # FFmpeg's number of it, for primaries, transfer and matrix alike
_CODECS: dict[str, tuple[str, str, dict[str, str], dict[str, str]]] = {
    ".mp4": ("mp4", "libx264", {"crf": "16", "preset": "fast"}, {"movflags": "+faststart"}),
    ".webm": ("webm", "libvpx-vp9", {"crf": "20", "b": "0", "cpu-used": "4"}, {}),
}
"""By suffix: the container, the codec, its quality, what the container is told."""


def encoded(media: Media, suffix: str) -> bytes:
    """The video as a file of the format that a suffix says; GIF has 256 colours and 50 a second.

    An odd width or height gains one repeated row or column, but for GIF.
    """
    if suffix == ".gif":
        return _gif(media)
    return _streamed(media, suffix)


def mp4(media: Media) -> bytes:
    """The video as an MP4 file."""
    return encoded(media, ".mp4")


def _gif(media: Media) -> bytes:
    out = io.BytesIO()
    first, *rest = (Image.fromarray(frame) for frame in media.data)
    step_ms = max(20, round(100 / float(media.rate or 1)) * 10)  # it counts hundredths
    first.save(out, "GIF", save_all=True, append_images=rest, duration=step_ms, loop=0)
    return out.getvalue()


def _streamed(media: Media, suffix: str) -> bytes:
    frames = media.data
    frames = np.pad(
        frames,
        ((0, 0), (0, frames.shape[1] % 2), (0, frames.shape[2] % 2), (0, 0)),
        mode="edge",
    )
    with TemporaryDirectory() as folder:  # FFmpeg goes back over the file to put the index first
        path = Path(folder) / f"video{suffix}"
        _encode(frames, Fraction(media.rate or 1).limit_denominator(60_000), path)
        return path.read_bytes()


def _encode(frames: Any, rate: Fraction, path: Path) -> None:
    kind, codec, quality, options = _CODECS[path.suffix]
    with av.open(path, "w", format=kind, options=options) as container:
        stream: Any = container.add_stream(codec, rate=rate, options=quality)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        for pixels in frames:
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
