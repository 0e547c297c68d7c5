"""Frames of a video, through FFmpeg, bounded in size, number and memory before any is decoded."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import av
import numpy as np
from av.codec.context import CodecContext
from av.stream import Disposition

from nextgpt_registry.content import check_limit
from nextgpt_registry.errors import MediaError
from nextgpt_video.looks import pixels, shown_size
from nextgpt_video.modality import HIGHEST_RATE, MEMORY, VIDEO
from nextgpt_video.timing import Timing, even

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_DEMUXERS = {"MP4": "mov", "WEBM": "matroska", "MATROSKA": "matroska", "GIF": "gif"}
_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


def decode(data: bytes, kind: str, who: str) -> tuple[Any, float] | None:
    """Frames (F, H, W, 3) and their rate; None when there is no picture track.

    Raises:
        MediaError: a declared limit is passed.
    """
    with _open(data, kind) as container:
        stream = _shown(container)
        if stream is None:
            return None
        longest = max(stream.codec_context.width, stream.codec_context.height)
        check_limit(VIDEO, "columns-or-rows", longest, who=who)
        check_limit(
            VIDEO, "pixels", stream.codec_context.width * stream.codec_context.height, who=who
        )
        times, last = _times(container, stream)
        if not times:
            raise ValueError("it holds no frames")
        _check_length(times, last, who)
        size = _size(stream, len(_timing(times, last, stream, who).picks))
    with _open(data, kind) as container:
        stream = _shown(container)
        assert stream is not None
        frames: list[Any] = []
        shown: list[float] = []
        for frame in _decoded(container, stream):
            check_limit(VIDEO, "frames", len(frames) + 1, who=who)
            if frame.is_corrupt:  # FFmpeg made up what is missing
                raise ValueError(f"the frame at {frame.time:.2f} s is damaged")
            shown.append(frame.time)
            frames.append(pixels(frame, size))
        if not frames:
            raise ValueError("none of its frames can be decoded")
        timing = _timing(shown, last, stream, who)
    return np.stack([frames[n] for n in timing.picks]), timing.rate


def _open(data: bytes, kind: str) -> InputContainer:
    return av.open(io.BytesIO(data), "r", format=_DEMUXERS[kind], metadata_errors="ignore")


def _shown(container: InputContainer) -> VideoStream | None:
    """The track of moving pictures that is shown, the first if none says so; a cover is none."""
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    shown = (s for s in streams if s.disposition & Disposition.default)
    return next(shown, streams[0] if streams else None)


def _decoded(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """The frames of a stream; FFmpeg's own decoders of VP8 and VP9 know no transparency."""
    context = stream.codec_context
    if stream.metadata.get("alpha_mode") == "1" and context.name in _WITH_ALPHA:
        context = cast("VideoCodecContext", CodecContext.create(_WITH_ALPHA[context.name], "r"))
    context.options = {"max_pixels": str(int(VIDEO.limit("pixels")))}
    for packet in container.demux(stream):
        yield from context.decode(packet)


def _times(container: InputContainer, stream: VideoStream) -> tuple[list[float], float]:
    """When each frame is shown, in seconds, and for how long the last: from packets, undecoded."""
    found = [
        (float(packet.pts * packet.time_base), float((packet.duration or 0) * packet.time_base))
        for packet in container.demux(stream)
        if packet.pts is not None and packet.size and packet.time_base is not None
    ]
    found.sort()
    return [time for time, _ in found], found[-1][1] if found else 0.0


def _check_length(times: list[float], last: float, who: str) -> None:
    check_limit(VIDEO, "frames", len(times), who=who)
    check_limit(VIDEO, "seconds", times[-1] - times[0] + last, who=who)


def _timing(times: list[float], last: float, stream: VideoStream, who: str) -> Timing:
    timing = even(
        times,
        last=last,
        declared=float(stream.average_rate or 0),
        tick=float(stream.time_base or 0),
    )
    if timing.rate > HIGHEST_RATE:
        raise MediaError(
            who,
            f"has a rate of {timing.rate:,.0f} frames a second",
            f"save it at its true rate, at most {HIGHEST_RATE}",
        )
    check_limit(VIDEO, "frames", len(timing.picks), who=who)
    return timing


def _size(stream: VideoStream, frames: int) -> tuple[int, int]:
    """(width, height) to decode to: as it is shown, or less where memory would not do."""
    width, height = shown_size(stream)
    scale = min(1.0, math.sqrt(MEMORY / (3 * frames * width * height)))
    return max(1, int(width * scale)), max(1, int(height * scale))
