"""Heat and motion from real files: what is read, converted and refused."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nextgpt_imagebind import imu, thermal
from nextgpt_imagebind.modality import AXES, TIME
from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Blob


def saved(array: Any, kind: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(array).save(out, kind)
    return out.getvalue()


def test_heat_of_16_bits_is_read_from_tiff_and_from_png_that_is_called_heat() -> None:
    stored = np.array([[0, 32768], [65535, 1]], np.uint16)
    wanted = (stored / 65535).astype(np.float32)

    for kind, guess in (("TIFF", True), ("TIFF", False), ("PNG", False)):
        media = thermal.read(Blob(saved(stored, kind), "x", guess=guess))
        assert media is not None
        np.testing.assert_allclose(media.data, wanted)

    assert thermal.read(Blob(saved(stored, "PNG"), "x.png", guess=True)) is None


def test_grey_heat_saved_in_three_channels_is_read() -> None:
    grey = np.full((4, 6, 3), 51, np.uint8)

    media = thermal.read(Blob(saved(grey, "PNG"), "night.png"))

    assert media is not None
    np.testing.assert_allclose(media.data, np.full((4, 6), 0.2), atol=1e-6)


def test_false_colours_are_refused() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)

    with pytest.raises(MediaError, match="colours cannot be turned back to heat"):
        thermal.read(Blob(saved(colours, "PNG"), "night.png"))


def test_temperatures_are_refused_with_the_way_to_convert() -> None:
    kelvin = np.full((4, 6), 293.15, np.float32)

    with pytest.raises(MediaError, match=r"(?s)293.*hottest - coldest"):
        thermal.read(Blob(saved(kelvin, "TIFF"), "night.tiff"))


def lines(times: Any, data: Any, names: tuple[str, ...] = (TIME, *AXES)) -> bytes:
    rows = [",".join(names)]
    rows += [",".join(map(repr, (t, *row))) for t, row in zip(times, data.tolist(), strict=True)]
    return "\n".join(rows).encode()


def test_columns_are_found_by_their_names() -> None:
    """Ego4D's files have rotation first, and more columns."""
    data = np.arange(18, dtype=float).reshape(3, 6)
    names = ("component_idx", TIME, *AXES[3:], *AXES[:3])
    mixed = np.column_stack([np.zeros(3), [0, 5, 10], data[:, 3:], data[:, :3]])
    rows = "\n".join([",".join(names), *(",".join(map(str, row)) for row in mixed.tolist())])

    media = imu.read(Blob(rows.encode(), "x"))

    assert media is not None
    assert media.rate == 200
    np.testing.assert_array_equal(media.data, data.astype(np.float32))


def test_uneven_times_are_made_even() -> None:
    times = [0.0, 1.0, 2.0, 7.0, 8.0]
    data = np.outer(times, np.ones(6))

    media = imu.read(Blob(lines(times, data), "x.csv"))

    assert media is not None
    assert media.rate == 500
    np.testing.assert_allclose(media.data[:, 0], [0, 2, 4, 6, 8])


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (lines([0, 0], np.zeros((2, 6))), "do not ascend at sample 1"),
        (lines([0], np.zeros((1, 6))), "one sample has no rate"),
        (lines([], np.zeros((0, 6))), "no samples"),
        (lines([0, 1], np.full((2, 6), np.nan)), "a value is no number"),
        (lines([0, 1], np.zeros((2, 6))).replace(b"0.0", b"oops", 1), "oops"),
        (b"a,b\n1,2\n", "text beginning 'a,b"),
    ],
)
def test_damaged_motion_is_told(data: bytes, told: str) -> None:
    with pytest.raises(MediaError, match=told):
        imu.read(Blob(data, "x.csv"))


def test_other_csv_is_declined() -> None:
    assert imu.read(Blob(b"name,age\nx,1\n", "", guess=True)) is None


def test_written_motion_reads_back_exactly() -> None:
    for seed in range(3):
        media = imu.sample(seed)

        assert imu.read(Blob(imu.text(media), "x.csv")) == media


def test_arrays_of_another_layout_say_how_to_convert() -> None:
    with pytest.raises(MediaError, match=r"x / 255"):
        thermal.from_array(np.zeros((2, 2), np.uint8))
    with pytest.raises(MediaError, match="samples a second"):
        imu.from_array(np.zeros((2, 6), np.float32), None)


def grey_tiff(
    pixels: bytes, *, bits: int, white_is_zero: bool = False, signed: bool = False
) -> bytes:
    """Two pixels side by side, as Pillow never writes them."""
    said = {256: 2, 257: 1, 258: bits, 259: 1, 262: 0 if white_is_zero else 1}
    said |= {273: 0, 277: 1, 278: 1, 279: len(pixels), 339: 2 if signed else 1}
    start = 8 + 2 + 12 * len(said) + 4
    tags = b"".join(
        struct.pack("<HHIHH", tag, 3, 1, start if tag == 273 else value, 0)
        for tag, value in said.items()
    )
    return b"II*\0" + struct.pack("<IH", 8, len(said)) + tags + bytes(4) + pixels


@pytest.mark.parametrize(
    ("bits", "pixels", "white_is_zero"),
    [
        (4, b"\x0f", False),
        (4, b"\x0f", True),
        (8, b"\0\xff", False),
        (8, b"\0\xff", True),
        (12, b"\0\x0f\xff", False),
        (16, b"\0\0\xff\xff", False),
        (16, b"\0\0\xff\xff", True),
    ],
)
def test_integers_of_every_width_fill_the_range(
    bits: int, pixels: bytes, white_is_zero: bool
) -> None:
    media = thermal.read(Blob(grey_tiff(pixels, bits=bits, white_is_zero=white_is_zero), "a.tiff"))

    assert media is not None
    assert media.data.tolist() == [[1, 0] if white_is_zero else [0, 1]]


def test_signed_heat_is_refused() -> None:
    with pytest.raises(MediaError, match="signed integers"):
        thermal.read(Blob(grey_tiff(b"\0\0\xff\x7f", bits=16, signed=True), "a.tiff"))


def test_heat_is_turned_upright() -> None:
    exif, out = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((4, 8), np.uint8)).save(out, "JPEG", exif=exif)

    media = thermal.read(Blob(out.getvalue(), "a"))

    assert media is not None
    assert media.data.shape == (8, 4)
