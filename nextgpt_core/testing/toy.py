"""A plugin with a modality that no one else has: `glyph`, a square of 8x8 grey values.

A glyph's data is a NumPy array (8, 8) of uint8; its file is `GLYPH` and 64 bytes. This is the
declaration, which imports neither torch nor NumPy; `toy_parts` holds the encoder and the decoder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from nextgpt_registry import hookimpl
from nextgpt_registry.content import replace_file
from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Blob, Media
from nextgpt_registry.specs import Condition, Decoder, Encoder, Limit, Manifest, Modality, Options

_MAGIC = b"GLYPH"
SIDE = 8
_PARTS = "nextgpt_core.testing.toy_parts"

MANIFEST = Manifest(
    api="1.0",
    summary="Glyphs, for tests",
    license="Apache-2.0",
    modalities=(
        Modality(
            name="glyph",
            summary="a square of 8x8 grey values",
            mime=("application/x-glyph",),
            suffixes=(".glyph",),
            limits=(Limit(of="bytes", at_most=1024),),
            sample=f"{__name__}:glyph",
            part_types=("glyph_url", "input_glyph"),
        ),
    ),
    encoders=(
        Encoder(
            name="rows",
            modality="glyph",
            tokens=SIDE,
            width=12,
            target=f"{_PARTS}:RowEncoder",
        ),
    ),
    decoders=(
        Decoder(
            name="painter",
            modality="glyph",
            signals=3,
            conditions=(Condition(name="text", tokens=4, width=12),),
            target=f"{_PARTS}:Painter",
            options=f"{__name__}:PainterOptions",
            takes=("glyph",),
            captions=True,
        ),
    ),
)


class PainterOptions(Options):
    """How to paint, and how to fail."""

    steps: int = Field(default=3, gt=0)
    step_s: float = Field(default=0.0, ge=0)  # how long a step takes
    contrast: float = 1.0  # does not keep items from sharing a call
    fail: Literal["", "raise", "shape", "count", "exit", "hang", "layout"] = ""


def glyph(seed: int = 0) -> Media:
    """A random glyph."""
    import numpy as np  # lazy: not needed to declare

    pixels = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    return Media("glyph", pixels)


class ToyPlugin:
    """The hooks; give `ToyPlugin()` to a `Catalog.of` or a `Builder`."""

    @hookimpl
    def nextgpt_manifest(self) -> Manifest:
        """The declaration."""
        return MANIFEST

    @hookimpl
    def nextgpt_read_media(self, modality: str, blob: Blob) -> Media | None:
        """Read a glyph."""
        import numpy as np

        if modality != "glyph" or not blob.data.startswith(_MAGIC):
            return None
        pixels = np.frombuffer(blob.data[len(_MAGIC) :], dtype=np.uint8)
        if pixels.size != SIDE * SIDE:
            raise MediaError(blob.name, f"has {pixels.size} pixels", f"wanted {SIDE * SIDE}")
        return Media("glyph", pixels.reshape(SIDE, SIDE), source=blob.name)

    @hookimpl
    def nextgpt_check_media(self, media: Media) -> Media | None:
        """Hold a glyph to its layout."""
        if media.modality != "glyph":
            return None
        found = (media.data.dtype, media.data.shape)
        if found != ("uint8", (SIDE, SIDE)):
            raise MediaError("glyph", f"is an array {found}", f"wanted uint8 {(SIDE, SIDE)}")
        return Media("glyph", media.data.copy(), media.rate, source=media.source)

    @hookimpl
    def nextgpt_write_media(self, media: Media, stem: Path) -> Path | None:
        """Write a glyph."""
        if media.modality != "glyph":
            return None
        return replace_file(stem.with_name(f"{stem.name}.glyph"), _MAGIC + media.data.tobytes())


PLUGIN = ToyPlugin()
"""What an entry point would name."""
