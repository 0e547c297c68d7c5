"""What the depth plugin declares and the hooks it answers. Imports no torch, no numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nextgpt_depth.modality import DEPTH
from nextgpt_depth.options import SLOT_WIDTH, SLOTS, TOKENS, WIDTH
from nextgpt_registry.hookspecs import hookimpl
from nextgpt_registry.media import Blob, Media
from nextgpt_registry.specs import Addition, Condition, Decoder, Encoder, Manifest, Weight

_WEIGHTS = {
    name: Weight(source=f"package:nextgpt-depth/nextgpt_depth/weights/{name}.safetensors")
    for name in ("encoder", "text", "denoiser")
}


@hookimpl
def nextgpt_manifest() -> Manifest:
    """Depth maps, a way in, a way out, and a channel for trained systems."""
    return Manifest(
        api="1.0",
        summary="depth maps, in and out",
        license="Apache-2.0",
        modalities=(DEPTH,),
        encoders=(
            Encoder(
                name="depth-cells",
                modality="depth",
                summary="a small convolutional network: 4 x 4 cells of a map",
                tokens=TOKENS,
                width=WIDTH,
                parameters=322_464,
                target="nextgpt_depth.encoder:DepthEncoder",
                options="nextgpt_depth.options:EncoderOptions",
                twin={"channels": 8},
                weights=("model",),
                sources={"model": _WEIGHTS["encoder"]},
                licence="Apache-2.0",
            ),
        ),
        decoders=(
            Decoder(
                name="depth-flow",
                modality="depth",
                summary="flow matching, 64 x 64",
                signals=4,
                conditions=(Condition(name="text", tokens=SLOTS, width=SLOT_WIDTH),),
                captions=True,
                parameters=650_760,
                target="nextgpt_depth.decoder:DepthDecoder",
                options="nextgpt_depth.options:DecoderOptions",
                twin={"channels": 16, "text_layers": 1, "steps": 2},
                weights=("text", "denoiser"),
                sources={name: _WEIGHTS[name] for name in ("text", "denoiser")},
                licence="Apache-2.0",
            ),
        ),
        additions=(
            Addition(
                name="depth",
                summary="depth maps, in and out",
                config="nextgpt_depth:addition.yaml",
            ),
        ),
    )


@hookimpl
def nextgpt_read_media(modality: str, blob: Blob) -> Media | None:
    """Decode PFM, and 16-bit PNG where it is called depth."""
    if modality != DEPTH.name:
        return None
    from nextgpt_depth.files import read  # lazy: numpy and Pillow

    return read(blob)


@hookimpl
def nextgpt_adopt_media(modality: str, value: Any, guess: bool) -> Media | None:
    """Take arrays and pictures of Pillow that are said to be depth."""
    if modality != DEPTH.name:
        return None
    from nextgpt_depth.files import adopt

    return adopt(value, guess=guess)


@hookimpl
def nextgpt_check_media(media: Media) -> Media | None:
    """Take what `from_array` takes."""
    if media.modality != DEPTH.name:
        return None
    from nextgpt_depth.files import from_array

    return from_array(media.data, source=media.source)


@hookimpl
def nextgpt_write_media(media: Media, stem: Path) -> Path | None:
    """Write a PFM."""
    if media.modality != DEPTH.name:
        return None
    from nextgpt_depth.files import pfm
    from nextgpt_registry.content import replace_file

    return replace_file(stem.with_name(stem.name + DEPTH.suffixes[0]), pfm(media))


@hookimpl
def nextgpt_show_media(media: Media) -> str | None:
    """In colours, near bright and far dark, with a legend in metres."""
    if media.modality != DEPTH.name:
        return None
    from nextgpt_depth.show import html

    return html(media)


@hookimpl
def nextgpt_log_media(writer: Any, tag: str, media: Media, step: int) -> bool | None:
    """Log the map, in colours, as TensorBoard's image."""
    if media.modality != DEPTH.name:
        return None
    from nextgpt_depth.show import colours

    writer.add_image(tag, colours(media), step, dataformats="HWC")
    return True
