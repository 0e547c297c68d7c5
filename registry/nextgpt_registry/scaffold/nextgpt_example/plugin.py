"""What is declared, and how a medium is read, written and shown. Imports no torch, no numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nextgpt_registry import (
    Blob,
    # +decoder
    Condition,
    Decoder,
    # -decoder
    # +encoder
    Encoder,
    # -encoder
    Limit,
    Manifest,
    Media,
    MediaError,
    Modality,
    hookimpl,
)
from nextgpt_registry.arrays import array_of
from nextgpt_registry.content import decoding, is_ours, replace_file
# +trainable
from nextgpt_registry.specs import Addition
# -trainable

MARK = b"example\n"
"""How a file begins; little-endian float32 follow."""

MODALITY = Modality(
    name="example",
    summary="numbers from -1 to 1: float32 (n,)",
    mime=("application/x-example",),
    suffixes=(".example",),
    limits=(Limit(of="bytes", at_most=1_000_000),),
    sample="nextgpt_example.plugin:sample",
    part_types=("example_url", "input_example"),
)


@hookimpl
def nextgpt_manifest() -> Manifest:
    """Sizes belong to a component's name: options never change them."""
    return Manifest(
        api="$api",
        summary="the modality example: numbers from -1 to 1",
        license="$license",
        modalities=(MODALITY,),
        # +encoder
        encoders=(
            Encoder(
                name="example-windows",
                modality="example",
                tokens=8,
                width=32,
                parameters=1_408,
                target="nextgpt_example.encoder:Windows",
                options="nextgpt_example.options:EncoderOptions",
                # +trainable
                weights=("model",),
                licence="$license",
                # -trainable
                twin={"layers": 1},
            ),
        ),
        # -encoder
        # +decoder
        decoders=(
            Decoder(
                name="example-waves",
                modality="example",
                signals=2,
                conditions=(Condition(name="text", tokens=4, width=16),),
                captions=True,
                parameters=25_728,
                target="nextgpt_example.decoder:Waves",
                options="nextgpt_example.options:DecoderOptions",
                # +trainable
                weights=("model",),
                licence="$license",
                # -trainable
                twin={"steps": 2},
            ),
        ),
        # -decoder
        # +trainable
        additions=(
            Addition(
                name="example",
                summary="the modality example, for a system that is trained",
                config="nextgpt_example:addition.yaml",
            ),
        ),
        # -trainable
    )


@hookimpl
def nextgpt_read_media(modality: str, blob: Blob) -> Media | None:
    """What begins with our mark; None for other content, an error for content that lies."""
    if modality != "example" or not is_ours(blob, MODALITY, blob.data.startswith(MARK)):
        return None
    import numpy as np

    with decoding(blob, MODALITY):
        numbers = np.frombuffer(blob.data[len(MARK) :], "<f4")
        return nextgpt_check_media(Media("example", numbers, source=blob.name))


@hookimpl
def nextgpt_adopt_media(modality: str, value: Any, guess: bool) -> Media | None:
    """An array of whatever library and dtype, where somebody says what it is."""
    array = None if guess or modality != "example" else array_of(value)
    if array is None:
        return None
    return nextgpt_check_media(Media("example", array.astype("float32")))


@hookimpl
def nextgpt_check_media(media: Media) -> Media | None:
    """An array of our layout, as it is; an error that says what is wrong with another."""
    if media.modality != "example":
        return None
    x = media.data
    if x.dtype != "float32" or x.ndim != 1 or not x.size or not (abs(x) <= 1).all():
        found = f"is {x.dtype} {x.shape}, wanted float32 (n,) from -1 to 1"
        raise MediaError(media.source or "example", found, "convert it")
    return Media("example", x.copy(), source=media.source)


@hookimpl
def nextgpt_write_media(media: Media, stem: Path) -> Path | None:
    """A file that is read back exactly."""
    if media.modality != "example":
        return None
    return replace_file(stem.with_name(f"{stem.name}.example"), MARK + media.data.tobytes())


@hookimpl
def nextgpt_show_media(media: Media) -> str | None:
    """A curve."""
    if media.modality != "example":
        return None
    points = " ".join(f"{x},{16 - 15 * y:.2f}" for x, y in enumerate(media.data))
    line = f'<polyline points="{points}" fill="none" stroke="currentColor"/>'
    return f'<svg viewBox="0 0 {len(media.data)} 32" width="256">{line}</svg>'


def sample(seed: int) -> Media:
    """Something to test with: another one for each seed."""
    import numpy as np

    chance = np.random.default_rng(seed)
    return Media("example", chance.uniform(-1, 1, 50 + seed).astype(np.float32))
