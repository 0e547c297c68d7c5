"""What the image plugin declares and the hooks it answers. Imports no model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nextgpt_image.encoders import ENCODERS
from nextgpt_image.modality import IMAGE
from nextgpt_registry.hookspecs import hookimpl
from nextgpt_registry.media import Blob, Media
from nextgpt_registry.specs import Manifest

_SMALL = 256  # pictures with a longer side under this are shown enlarged


@hookimpl
def nextgpt_manifest() -> Manifest:
    """Declare pictures and their encoders."""
    return Manifest(
        api="1.0",
        summary="pictures: reading, writing, CLIP and SigLIP2",
        license="Apache-2.0",
        modalities=(IMAGE,),
        encoders=ENCODERS,
    )


@hookimpl
def nextgpt_read_media(modality: str, blob: Blob) -> Media | None:
    """Decode PNG, JPEG, WebP and GIF."""
    if modality != IMAGE.name:
        return None
    from nextgpt_image.files import read  # lazy: numpy and Pillow

    return read(blob)


@hookimpl
def nextgpt_adopt_media(modality: str, value: Any, guess: bool) -> Media | None:
    """Take pictures of Pillow, and arrays of bytes or of floats from 0 to 1."""
    if modality != IMAGE.name:
        return None
    from nextgpt_image.objects import adopt

    return adopt(value, guess=guess)


@hookimpl
def nextgpt_check_media(media: Media) -> Media | None:
    """Take what `from_array` takes."""
    if media.modality != IMAGE.name:
        return None
    from nextgpt_image.files import from_array

    return from_array(media.data, source=media.source)


@hookimpl
def nextgpt_write_media(media: Media, stem: Path, suffix: str) -> Path | None:
    """Write a PNG, or what the suffix says."""
    if media.modality != IMAGE.name:
        return None
    from nextgpt_image.files import encoded
    from nextgpt_registry.content import replace_file

    return replace_file(stem.with_name(stem.name + suffix), encoded(media, suffix))


@hookimpl
def nextgpt_show_media(media: Media) -> str | None:
    """An `<img>`; small pictures are enlarged by a whole factor, their pixels kept sharp."""
    if media.modality != IMAGE.name:
        return None
    import base64

    from nextgpt_image.files import png

    height, width = media.data.shape[:2]
    times = max(1, _SMALL // max(height, width))
    style = ' style="image-rendering: pixelated"' if times > 1 else ' style="max-width: 100%"'
    url = "data:image/png;base64," + base64.b64encode(png(media)).decode("ascii")
    return (
        f'<img src="{url}" width="{width * times}" alt="picture of {width}x{height} pixels"{style}>'
    )


@hookimpl
def nextgpt_log_media(writer: Any, tag: str, media: Media, step: int) -> bool | None:
    """Log the picture as TensorBoard's image."""
    if media.modality != IMAGE.name:
        return None
    writer.add_image(tag, media.data, step, dataformats="HWC")
    return True
