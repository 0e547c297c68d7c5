"""Pictures look as their files say: transparency, profiles, gamma, shape of pixels, orientation."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from nextgpt_image import plugin
from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Blob

WHITE = [255, 255, 255]


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(
    size: tuple[int, int],
    bits: int,
    colour: int,
    rows: Sequence[bytes],
    *more: tuple[bytes, bytes],
) -> bytes:
    head = struct.pack(">IIBBBBB", *size, bits, colour, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = [(b"IHDR", head), *more, (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in chunks)


def encode(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def read(data: bytes) -> Any:
    media = plugin.nextgpt_read_media("image", Blob(data, "a"))
    assert media is not None
    return media.data


def swapping_profile() -> bytes:
    """A profile of sRGB, its red and blue primaries exchanged."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    entries = {
        bytes(data[at : at + 4]): at
        for at in range(132, 132 + 12 * int.from_bytes(data[128:132]), 12)
    }
    red, blue = entries[b"rXYZ"], entries[b"bXYZ"]
    places = bytes(data[red + 4 : red + 12]), bytes(data[blue + 4 : blue + 12])
    data[blue + 4 : blue + 12], data[red + 4 : red + 12] = places
    return bytes(data)


@pytest.mark.parametrize(
    ("bits", "colour", "row", "clear", "shown"),
    [
        pytest.param(1, 0, b"\x40", b"\0\1", [[0] * 3, WHITE], id="1 bit"),
        pytest.param(2, 0, b"\x60", b"\0\2", [[85] * 3, WHITE], id="2 bits"),
        pytest.param(4, 0, b"\x0e", b"\0\x0e", [[0] * 3, WHITE], id="4 bits"),
        pytest.param(8, 0, b"\x00\x07", b"\0\x07", [[0] * 3, WHITE], id="8 bits"),
        pytest.param(16, 0, b"\x12\x35\x12\x34", b"\x12\x34", [[18] * 3, WHITE], id="16 bits"),
        pytest.param(
            8, 2, bytes([1, 2, 4, 1, 2, 3]), bytes([0, 1, 0, 2, 0, 3]), [[1, 2, 4], WHITE], id="RGB"
        ),
        pytest.param(
            16,
            2,
            bytes([1, 0, 2, 0, 3, 8, 1, 0, 2, 0, 3, 9]),
            bytes([1, 0, 2, 0, 3, 9]),
            [[1, 2, 3], WHITE],
            id="RGB of 16 bits",
        ),
    ],
)
def test_the_one_clear_level_or_colour_of_a_png_is_white(
    bits: int, colour: int, row: bytes, clear: bytes, shown: list[Any]
) -> None:
    data = png((2, 1), bits, colour, [row], (b"tRNS", clear))

    assert read(data)[0].tolist() == shown


def test_alpha_of_sixteen_bits_is_laid_on_white() -> None:
    grey = png((2, 1), 16, 4, [bytes([1, 0, 0xFF, 0xFF, 3, 0, 0, 0])])
    colour = png((1, 1), 16, 6, [bytes([1, 0, 2, 0, 3, 0, 0, 0])])

    assert read(grey)[0].tolist() == [[1, 1, 1], WHITE]
    assert read(colour)[0].tolist() == [WHITE]


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_the_first_frame_of_an_animation_is_laid_on_white(kind: str) -> None:
    clear = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    clear.putpixel((0, 0), (255, 0, 0, 255))
    more = [Image.new("RGBA", (4, 4), (0, 0, 255, 255))]
    lossless = {"lossless": True} if kind == "WEBP" else {}

    shown = read(encode(clear, kind, save_all=True, append_images=more, duration=100, **lossless))

    assert shown[0, 0].tolist() == [255, 0, 0]
    assert shown[3, 3].tolist() == WHITE


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("PNG", "RGB"),
        ("PNG", "RGBA"),
        ("PNG", "P"),
        ("JPEG", "RGB"),
        ("WEBP", "RGB"),
        ("WEBP", "RGBA"),
    ],
)
def test_a_profile_is_honoured(kind: str, mode: str) -> None:
    picture = Image.new("RGB", (8, 8), (250, 10, 10))
    picture = picture.quantize(2) if mode == "P" else picture.convert(mode)
    lossless = {"lossless": True} if kind == "WEBP" else {"quality": 100}

    shown = read(encode(picture, kind, icc_profile=swapping_profile(), **lossless))

    assert np.abs(shown.astype(int) - (10, 10, 250)).max() <= 6


def test_a_grey_profile_is_honoured() -> None:
    linear = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    grey = bytearray(linear[:128])
    grey[16:20] = b"GRAY"
    white = linear[linear.index(b"XYZ \0\0\0\0", 132) :][:20]
    curve = b"curv" + bytes(4) + (1).to_bytes(4) + (256).to_bytes(2) + bytes(2)  # gamma 1
    first = 128 + 4 + 2 * 12
    tags = b"wtpt" + struct.pack(">II", first, 20) + b"kTRC" + struct.pack(">II", first + 20, 16)
    profile = bytes(grey) + (2).to_bytes(4) + tags + white + curve
    profile = len(profile).to_bytes(4) + profile[4:]

    shown = read(encode(Image.new("L", (2, 2), 128), icc_profile=profile))
    alpha = read(encode(Image.new("LA", (2, 2), (128, 0)), icc_profile=profile))

    assert abs(int(shown[0, 0, 0]) - 188) <= 2  # half of the light
    assert (alpha == 255).all()


def test_cmyk_is_read_with_and_without_a_profile_of_its_own() -> None:
    cyan = Image.new("CMYK", (8, 8), (255, 0, 0, 0))

    plain = read(encode(cyan, "JPEG", quality=100))
    mismatched = read(encode(cyan, "JPEG", quality=100, icc_profile=swapping_profile()))

    assert np.abs(plain.astype(int) - (0, 255, 255)).max() <= 6
    assert np.array_equal(plain, mismatched)


@pytest.mark.parametrize(
    "profile",
    [
        pytest.param(b"no profile", id="garbage"),
        pytest.param(swapping_profile()[:200], id="cut short"),
        pytest.param(swapping_profile()[:16] + b"Lab " + swapping_profile()[20:], id="of Lab"),
        pytest.param(bytes(3000), id="zeros"),
        pytest.param(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(), id="Lab"),
    ],
)
def test_a_broken_or_unfit_profile_is_none(profile: bytes) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)

    assert np.array_equal(read(encode(Image.fromarray(pixels), icc_profile=profile)), pixels)


def test_a_profile_of_srgb_changes_nothing() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    assert np.array_equal(read(encode(Image.fromarray(pixels), icc_profile=profile)), pixels)


def test_a_profile_that_unpacks_without_end_is_refused() -> None:
    bomb = (b"iCCP", b"a\0\0" + zlib.compress(bytes(1 << 24)))

    with pytest.raises(MediaError, match="too large"):
        read(png((1, 1), 8, 2, [bytes([1, 2, 3])], bomb))


@pytest.mark.parametrize(
    ("gamma", "more", "shown"),
    [
        (1.0, (), 188),  # linear light
        (0.45455, (), 128),
        (1.0, ((b"sRGB", b"\0"),), 128),
        (0.0, (), 128),
        (4e4, (), 128),
    ],
)
def test_gamma_of_a_png(gamma: float, more: Sequence[tuple[bytes, bytes]], shown: int) -> None:
    said = (b"gAMA", round(gamma * 100_000).to_bytes(4))

    pixel = read(png((1, 1), 8, 2, [bytes([128, 128, 128])], said, *more))[0, 0]

    assert abs(int(pixel[0]) - shown) <= 2


P3 = (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)  # white, red, green, blue


def points(*xy: float) -> tuple[bytes, bytes]:
    return b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in xy))


def test_primaries_that_a_png_says_are_honoured() -> None:
    usual, linear = ((b"gAMA", n.to_bytes(4)) for n in (45455, 100_000))
    swapped = (*P3[:2], *P3[6:], *P3[4:6], *P3[2:4])
    said = {
        "P3": [(b"cICP", bytes([12, 13, 0, 1]))],
        "P3 in points": [points(*P3)],
        "P3, and a gamma": [points(*P3), usual],
        "P3 before a profile": [
            (b"cICP", bytes([12, 13, 0, 1])),
            (b"iCCP", b"a\0\0" + zlib.compress(swapping_profile())),
        ],
        "sRGB before points": [(b"cICP", bytes([1, 13, 0, 1])), points(*swapped), linear],
        "sRGB's own": [points(0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06), usual],
        "unknown": [(b"cICP", bytes([2, 2, 0, 1])), usual],
        "cut short": [(b"cICP", b"\x0c")],
        "a line": [points(*(0.3,) * 8)],
        "no points": [points(*(0,) * 8)],
        "far off": [points(0.3, 1e-5, *P3[2:])],
    }

    shown = {
        name: tuple(read(png((1, 1), 8, 2, [bytes([200, 100, 50])], *chunks))[0, 0].tolist())
        for name, chunks in said.items()
    }

    in_srgb = {name: (215, 93, 31) for name in said if name.startswith("P3")}
    assert shown == dict.fromkeys(said, (200, 100, 50)) | in_srgb


def test_colours_of_high_dynamic_range_are_refused() -> None:
    for code, name in ((16, "PQ"), (18, "HLG")):
        with pytest.raises(MediaError, match=name):
            read(png((1, 1), 8, 2, [bytes(3)], (b"cICP", bytes([9, code, 0, 1]))))


@pytest.mark.parametrize(
    ("across", "down", "unit", "shape"),
    [
        (1, 2, 0, (4, 16)),  # fewer pixels along the width: each is wide
        (2, 1, 0, (8, 8)),
        (3937, 7874, 1, (4, 16)),
        (7874, 3937, 1, (8, 8)),
        (2835, 2834, 1, (4, 8)),
        (0, 1, 0, (4, 8)),
        (1, 1_000_000, 0, (4, 8)),
    ],
)
def test_pixels_of_a_png_that_are_not_square(
    across: int, down: int, unit: int, shape: tuple[int, int]
) -> None:
    said = (b"pHYs", struct.pack(">IIB", across, down, unit))

    shown = read(png((8, 4), 8, 0, [bytes(8)] * 4, said))

    assert shown.shape[:2] == shape


def test_pixels_of_a_jpeg_that_are_not_square_are_mended_before_it_is_turned() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(Image.new("RGB", (16, 8)), "JPEG", exif=exif, dpi=(100, 200))

    assert read(data).shape == (32, 8, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(orientation: int) -> None:
    upright = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, k=-1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation

    shown = read(encode(Image.fromarray(np.ascontiguousarray(stored)), exif=exif))

    assert np.array_equal(shown, upright)
