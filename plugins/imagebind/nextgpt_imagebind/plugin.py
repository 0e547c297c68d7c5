"""What the imagebind plugin declares and the hooks it answers. Imports no torch, no numpy.

Two modalities are its own, heat and motion; `image`, `video`, `audio` and `depth` are those of the
plugins of these names. Where one of them is not loaded, its encoders lie idle: a plan that asks for
the modality says which plugin has it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nextgpt_imagebind.encoders import ENCODERS
from nextgpt_imagebind.modality import IMU, THERMAL
from nextgpt_registry.hookspecs import hookimpl
from nextgpt_registry.media import Blob, Media
from nextgpt_registry.specs import Manifest


@hookimpl
def nextgpt_manifest() -> Manifest:
    """Heat and motion, and a way in for them and four modalities of others."""
    return Manifest(
        api="1.0",
        summary="ImageBind: six modalities in, on one trunk; non-commercial weights",
        license="Apache-2.0",
        modalities=(THERMAL, IMU),
        encoders=ENCODERS,
    )


@hookimpl
def nextgpt_read_media(modality: str, blob: Blob) -> Media | None:
    """Decode heat pictures (TIFF) and motion (CSV)."""
    if modality == THERMAL.name:
        from nextgpt_imagebind import thermal  # lazy, as below: numpy and Pillow

        return thermal.read(blob)
    if modality == IMU.name:
        from nextgpt_imagebind import imu

        return imu.read(blob)
    return None


@hookimpl
def nextgpt_adopt_media(modality: str, value: Any, guess: bool) -> Media | None:
    """Take arrays that are said to be heat, and six columns of motion with their rate."""
    if modality == THERMAL.name:
        from nextgpt_imagebind import thermal

        return thermal.adopt(value, guess=guess)
    if modality == IMU.name:
        from nextgpt_imagebind import imu

        return imu.adopt(value, guess=guess)
    return None


@hookimpl
def nextgpt_check_media(media: Media) -> Media | None:
    """Take what `from_array` takes."""
    if media.modality == THERMAL.name:
        from nextgpt_imagebind import thermal

        return thermal.from_array(media.data, source=media.source)
    if media.modality == IMU.name:
        from nextgpt_imagebind import imu

        return imu.from_array(media.data, media.rate, source=media.source)
    return None


@hookimpl
def nextgpt_write_media(media: Media, stem: Path) -> Path | None:
    """Write a TIFF, or a CSV."""
    from nextgpt_registry.content import replace_file

    if media.modality == THERMAL.name:
        from nextgpt_imagebind import thermal

        path = stem.with_name(stem.name + THERMAL.suffixes[0])
        return replace_file(path, thermal.tiff(media))
    if media.modality == IMU.name:
        from nextgpt_imagebind import imu

        return replace_file(stem.with_name(stem.name + IMU.suffixes[0]), imu.text(media))
    return None


@hookimpl
def nextgpt_show_media(media: Media) -> str | None:
    """Heat in grey, motion as two charts."""
    if media.modality not in (THERMAL.name, IMU.name):
        return None
    from nextgpt_imagebind import show

    return show.heat_html(media) if media.modality == THERMAL.name else show.motion_html(media)


@hookimpl
def nextgpt_log_media(writer: Any, tag: str, media: Media, step: int) -> bool | None:
    """Log either as TensorBoard's image."""
    if media.modality not in (THERMAL.name, IMU.name):
        return None
    from nextgpt_imagebind import show

    drawn = show.greys(media) if media.modality == THERMAL.name else show.chart(media)
    writer.add_image(tag, drawn, step, dataformats="HWC")
    return True
