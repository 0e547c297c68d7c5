"""What the boxes plugin declares and the hooks it answers. Imports no decoder and no codec."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nextgpt_boxes.modality import BOXES
from nextgpt_boxes.options import TOKENS, TWIN, WIDTH
from nextgpt_registry.content import replace_file
from nextgpt_registry.hookspecs import hookimpl
from nextgpt_registry.media import Blob, Media
from nextgpt_registry.specs import Addition, Condition, Decoder, Manifest, Weight

_FINDER = Weight(source="package:nextgpt-boxes/nextgpt_boxes/weights/finder.safetensors")


@hookimpl
def nextgpt_manifest() -> Manifest:
    """The modality, its decoder, and what adds it to a system that reads pictures."""
    return Manifest(
        api="1.0",
        summary="grounding: named boxes of what is asked for in a picture",
        license="Apache-2.0",
        modalities=(BOXES,),
        decoders=(
            Decoder(
                name="boxes-finder",
                modality=BOXES.name,
                summary="EfficientNet-Lite0 and a head for 76 things; no diffusion",
                target="nextgpt_boxes.finder:Finder",
                options="nextgpt_boxes.options:FinderOptions",
                twin=TWIN,
                signals=2,
                conditions=(Condition(name="text", tokens=TOKENS, width=WIDTH),),
                takes=("image",),
                needs=True,
                captions=True,
                weights=("finder",),
                sources={"finder": _FINDER},
                parameters=975_137,
                licence="Apache-2.0",
            ),
        ),
        additions=(
            Addition(
                name="boxes",
                summary="where things are in a picture, as named boxes",
                config="nextgpt_boxes:addition.yaml",
            ),
        ),
    )


@hookimpl
def nextgpt_read_media(modality: str, blob: Blob) -> Media | None:
    """Files that `nextgpt_write_media` wrote."""
    if modality != BOXES.name:
        return None
    from nextgpt_boxes.files import read  # lazy: numpy and Pillow

    return read(blob)


@hookimpl
def nextgpt_adopt_media(modality: str, value: Any, guess: bool) -> Media | None:
    """Take `Boxes`, and what is in a file of them."""
    if modality != BOXES.name:
        return None
    from nextgpt_boxes.medium import adopt

    return adopt(value, guess=guess)


@hookimpl
def nextgpt_check_media(media: Media) -> Media | None:
    """Bytes of a file, spelled as a reader spells them."""
    if media.modality != BOXES.name:
        return None
    from nextgpt_boxes.medium import of_media, to_media

    found = of_media(media)
    return to_media(found.picture, found.boxes, source=media.source)


@hookimpl
def nextgpt_write_media(media: Media, stem: Path) -> Path | None:
    """JSON, with a small copy of the picture inside: `nextgpt boxes draw` makes a picture of it."""
    if media.modality != BOXES.name:
        return None
    return replace_file(stem.with_name(stem.name + BOXES.suffixes[0]), media.data + b"\n")


@hookimpl
def nextgpt_show_media(media: Media) -> str | None:
    """The boxes over the small copy of their picture."""
    if media.modality != BOXES.name:
        return None
    from nextgpt_boxes.draw import page
    from nextgpt_boxes.medium import of_media

    return page(of_media(media))


@hookimpl
def nextgpt_log_media(writer: Any, tag: str, media: Media, step: int) -> bool | None:
    """TensorBoard's image of the same; boxes without a picture as text."""
    if media.modality != BOXES.name:
        return None
    from nextgpt_boxes.draw import overlay
    from nextgpt_boxes.files import preview_pixels
    from nextgpt_boxes.medium import of_media

    boxes = of_media(media)
    if boxes.picture.preview:
        writer.add_image(tag, overlay(boxes, preview_pixels(boxes)), step, dataformats="HWC")
    else:
        writer.add_text(tag, boxes.summary, step)
    return True
