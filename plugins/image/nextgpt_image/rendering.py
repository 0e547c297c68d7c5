"""From the pixels that a picture's file stores to those it shows: RGB, upright, on white.

What a file says of its pixels is honoured where it makes sense and left alone where it does not: a
broken profile or orientation is none. Knows nothing about limits.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from nextgpt_image.colours import profile_of

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112  # EXIF's tag of it
_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}  # what profiles call Pillow's modes
_NO_PROFILE = (OSError, ValueError, TypeError, KeyError, ImageCms.PyCMSError)  # of a broken one
_DEEP = "RGB;16B"  # Pillow's name of 48 bits a pixel
_SPREAD = {"L;2": 85, "L;4": 17}  # Pillow spreads 2 and 4 bits over 255, and not their tRNS
_AS_IT_IS = 2  # levels of 255: a profile that changes no colour by more is that of sRGB
_GAMMA = 2.2  # of the screen that the gAMA chunk of a PNG is turned to
_OBLONG = 4  # times as long as wide, or as wide as long: beyond that it is a mistake
_ROUNDED = 0.01  # shapes are said in whole numbers


def render(opened: Image.Image, data: bytes = b"") -> Image.Image:
    """A picture of any of Pillow's modes, opened from `data` and not yet decoded -> what it shows.

    Without `data` it is one that a program has in hand, in whatever state.

    Transparency is laid on white; colours are brought to sRGB by the profile within, if there is
    one for them; pixels that are not square (a PNG or JPEG may say so) are widened or heightened.
    """
    tile = getattr(opened, "tile", None) if data else None
    raw = str(tile[0][3]) if tile else ""  # as stored; gone once it is decoded
    opened.load()
    alpha, shown = _alpha(opened, raw, data), _srgb(opened, raw, data)
    if alpha is not None:
        shown = Image.composite(shown, Image.new("RGB", shown.size, "white"), alpha)
    size = stretched(*shown.size, *_pixel_shape(opened.info))
    if size != shown.size:
        shown = shown.resize(size, Image.Resampling.BICUBIC)
    turn = _TURNS.get(_orientation(opened))
    return shown if turn is None else shown.transpose(turn)


def shown_size(opened: Image.Image) -> tuple[int, int]:
    """(width, height) of what `render` makes, as it lies in the file."""
    return stretched(*opened.size, *_pixel_shape(opened.info))


def stretched(width: int, height: int, wide: float, tall: float) -> tuple[int, int]:
    """The size of a picture once its pixels, `wide` x `tall`, are square: none is lost."""
    if wide >= tall:
        return round(width * wide / tall), height
    return width, round(height * tall / wide)


def _pixel_shape(info: Mapping[Any, Any]) -> tuple[float, float]:
    """(width, height) of one pixel; (1, 1) where none is said, or none that could be."""
    across, down = info.get("aspect") or info.get("jfif_density") or info.get("dpi") or (1, 1)
    if min(across, down) <= 0 or not 1 / _OBLONG <= across / down <= _OBLONG:
        return 1, 1
    return (1, 1) if abs(across / down - 1) < _ROUNDED else (down, across)


def _orientation(opened: Image.Image) -> int:
    with contextlib.suppress(Exception):  # whatever a damaged EXIF block raises: none is set
        return int(opened.getexif().get(_ORIENTATION, 1))
    return 1


def _alpha(opened: Image.Image, raw: str, data: bytes) -> Image.Image | None:
    """How much of each pixel is to be seen; None where all is."""
    if "A" in opened.getbands():
        return opened.getchannel("A")
    clear = opened.info.get("transparency")
    if clear is None:
        return None
    if opened.mode == "P":
        return opened.convert("RGBA").getchannel("A")
    if raw == _DEEP:  # one colour of 48 bits, of which Pillow keeps the upper 24
        high, low = np.asarray(opened), np.asarray(_low_bytes(data))
        same = (high == np.array(clear) >> 8) & (low == np.array(clear) & 0xFF)
    else:  # one level, or one colour
        stored = np.asarray(opened.convert("L") if opened.mode == "1" else opened)
        same = np.asarray(stored == np.array(clear) * _SPREAD.get(raw, 1))
    hidden = same.all(axis=2) if same.ndim == 3 else same
    return Image.fromarray(np.where(hidden, 0, 255).astype(np.uint8))


def _low_bytes(data: bytes) -> Image.Image:
    """The lower halves of the samples of a PNG of 48 bits."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as opened:
        opened.tile = [tile._replace(args="RGB;16L") for tile in opened.tile]
        opened.load()
        return opened.convert("RGB")


def _srgb(opened: Image.Image, raw: str, data: bytes) -> Image.Image:
    """The colours as a screen of sRGB shows them, RGB, without transparency."""
    colours = _opaque(opened, raw)
    grey = colours.mode == "L"  # which has no primaries
    profile = opened.info.get("icc_profile") if grey else profile_of(data, opened.info)
    if profile:
        with contextlib.suppress(*_NO_PROFILE):
            return _by_profile(colours, profile)
    rgb = colours.convert("RGB")
    told = profile is not None or "srgb" in opened.info
    gamma = 0 if told else opened.info.get("gamma", 0)
    exponent = 1 / (gamma * _GAMMA) if 0.1 < gamma < 10 else 1
    if abs(exponent - 1) < 0.05:
        return rgb
    return rgb.point([round(255 * (n / 255) ** exponent) for n in range(256)] * 3)


def _opaque(opened: Image.Image, raw: str) -> Image.Image:
    """The colours alone, in one of the modes that profiles are for."""
    if opened.mode.startswith("I"):  # 16 bits of grey: Pillow would clip them
        return Image.fromarray((np.asarray(opened) >> 8).astype(np.uint8))
    if opened.mode in ("1", "LA") or raw == "LA;16B":
        return opened.getchannel(0) if opened.mode != "1" else opened.convert("L")
    if opened.mode == "RGBA":  # Pillow keeps what lies under clear pixels
        return Image.merge("RGB", opened.split()[:3])
    return opened if opened.mode in _SPACES else opened.convert("RGB")


def _by_profile(colours: Image.Image, profile: bytes) -> Image.Image:
    """RGB in sRGB.

    Raises:
        ValueError: the profile is for other colours.
    """
    within = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    space = within.profile.xcolor_space.strip()
    if space != _SPACES[colours.mode]:
        raise ValueError(f"a profile for {space}")
    srgb = ImageCms.createProfile("sRGB")
    transform = ImageCms.buildTransform(within, srgb, colours.mode, "RGB")
    if colours.mode != "CMYK":
        probe = _probe().convert(colours.mode)
        before, after = np.asarray(probe.convert("RGB"), int), transform.apply(probe)
        if np.abs(np.asarray(after) - before).max() <= _AS_IT_IS:
            return colours.convert("RGB")
    return transform.apply(colours)


def _probe() -> Image.Image:
    """All colours of eight levels a channel, in a row."""
    levels = np.linspace(0, 255, 8).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1)
    return Image.fromarray(grid.reshape(1, -1, 3))
