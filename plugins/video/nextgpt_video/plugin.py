"""What the video plugin declares and the hooks it answers. Imports no model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nextgpt_registry.hookspecs import hookimpl
from nextgpt_registry.media import Blob, Media
from nextgpt_registry.specs import Manifest
from nextgpt_video.encoders import ENCODERS
from nextgpt_video.modality import VIDEO

_SMALL = 256  # videos with a longer side under this are shown enlarged


@hookimpl
def nextgpt_manifest() -> Manifest:
    """Declare videos and their encoders."""
    return Manifest(
        api="1.0",
        summary="videos: reading, writing, VideoMAE and CLIP",
        license="Apache-2.0",
        modalities=(VIDEO,),
        encoders=ENCODERS,
    )


@hookimpl
def nextgpt_read_media(modality: str, blob: Blob) -> Media | None:
    """Decode MP4, WebM and animated GIF."""
    if modality != VIDEO.name:
        return None
    from nextgpt_video.files import read  # lazy: numpy and FFmpeg

    return read(blob)


@hookimpl
def nextgpt_adopt_media(modality: str, value: Any, guess: bool) -> Media | None:
    """Take arrays of frames, or lists of pictures, with their rate."""
    if modality != VIDEO.name:
        return None
    from nextgpt_video.objects import adopt

    return adopt(value, guess=guess)


@hookimpl
def nextgpt_check_media(media: Media) -> Media | None:
    """Take what `from_array` takes."""
    if media.modality != VIDEO.name:
        return None
    from nextgpt_video.files import from_array

    return from_array(media.data, media.rate, source=media.source)


@hookimpl
def nextgpt_write_media(media: Media, stem: Path, suffix: str) -> Path | None:
    """Write an MP4, or what the suffix says."""
    if media.modality != VIDEO.name:
        return None
    from nextgpt_registry.content import replace_file
    from nextgpt_video.encoding import encoded

    return replace_file(stem.with_name(stem.name + suffix), encoded(media, suffix))


@hookimpl
def nextgpt_show_media(media: Media) -> str | None:
    """A `<video>` that plays at once, without sound, over and over."""
    if media.modality != VIDEO.name:
        return None
    import base64

    from nextgpt_video.encoding import mp4

    height, width = media.data.shape[1:3]
    times = max(1, _SMALL // max(height, width))
    style = "image-rendering: pixelated" if times > 1 else "max-width: 100%"
    url = "data:video/mp4;base64," + base64.b64encode(mp4(media)).decode("ascii")
    return (
        f'<video controls loop muted autoplay playsinline width="{width * times}"'
        f' style="{style}" src="{url}"></video>'
    )


@hookimpl
def nextgpt_log_media(writer: Any, tag: str, media: Media, step: int) -> bool | None:
    """Log the video as TensorBoard's video, or as a strip of frames where moviepy is missing."""
    if media.modality != VIDEO.name:
        return None
    from importlib.util import find_spec

    if find_spec("moviepy") is None:
        from nextgpt_video.files import strip

        writer.add_image(tag, strip(media), step, dataformats="HWC")
        return True
    film_BTCHW = media.data.transpose(0, 3, 1, 2)[None]
    writer.add_video(tag, film_BTCHW, step, fps=media.rate)
    return True
