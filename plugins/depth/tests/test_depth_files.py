"""Depth maps as files: exact, told from pictures, in metres."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from nextgpt_depth.files import from_array, pfm, read, sample
from nextgpt_depth.show import colours, ends, html
from nextgpt_registry import Blob, Catalog, MediaError


def grey_png(millimetres):
    out = io.BytesIO()
    Image.fromarray(millimetres).save(out, "PNG")
    return out.getvalue()


MILLIMETRES = np.array([[0, 1500, 4000], [65535, 1, 250]], np.uint16)


def test_a_written_map_reads_back_to_the_last_bit():
    medium = sample(3)

    back = read(Blob(pfm(medium), "a.pfm"))

    assert back == medium
    assert back.data.dtype == np.float32


@pytest.mark.parametrize("order", ["<", ">"])
def test_pfm_of_either_byte_order_is_read_from_the_bottom_up(order):
    scale = b"-1.0" if order == "<" else b"1.0"
    numbers = struct.pack(f"{order}4f", 3, 4, 1, 2)

    found = read(Blob(b"Pf\n2 2\n" + scale + b"\n" + numbers))

    assert found.data.tolist() == [[1, 2], [3, 4]]


def test_what_was_not_measured_is_zero():
    numbers = np.array([np.nan, np.inf, -1, 2], "<f4").tobytes()

    found = read(Blob(b"Pf\n4 1\n-1.0\n" + numbers))

    assert found.data.tolist() == [[0, 0, 0, 2]]


def test_grey_png_of_16_bits_is_millimetres_where_it_is_called_depth():
    found = read(Blob(grey_png(MILLIMETRES), "scan.png"))

    assert found.data == pytest.approx(MILLIMETRES / 1000)


def test_grey_png_of_16_bits_that_nobody_called_depth_stays_a_picture():
    catalog, blob = Catalog.discover(), Blob(grey_png(MILLIMETRES), "", guess=True)

    readers = {
        modality: catalog.hook.nextgpt_read_media(modality=modality, blob=blob)
        for modality in ("depth", "image")
    }

    assert readers["depth"] is None
    assert readers["image"].modality == "image"


def test_a_picture_is_no_depth_map_and_a_depth_map_no_picture():
    catalog = Catalog.discover()
    picture = grey_png(np.zeros((4, 4, 3), np.uint8))

    assert read(Blob(picture, "photo.png")) is None
    assert catalog.hook.nextgpt_read_media(modality="image", blob=Blob(pfm(sample(0)))) is None


def test_a_map_over_the_limit_of_pixels_is_refused_by_its_header():
    with pytest.raises(MediaError, match="pixels"):
        read(Blob(b"Pf\n40000 40000\n-1.0\n" + bytes(64)))


def test_a_map_that_is_cut_short_is_told():
    with pytest.raises(MediaError, match="damaged or truncated PFM"):
        read(Blob(pfm(sample(0))[:-9], "a.pfm"))


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (MILLIMETRES, r"from millimetres: \(x / 1000\)"),
        (np.zeros((2, 2, 1), np.float32), r"shape \(2, 2, 1\)"),
        (np.full((2, 2), np.nan, np.float32), "NaN"),
        (np.full((2, 2), -1, np.float32), "negative"),
    ],
)
def test_other_arrays_are_refused_with_the_way_to_convert(array, said):
    with pytest.raises(MediaError, match=said):
        from_array(array)


def test_near_is_bright_far_is_dark_and_unknown_black():
    medium = from_array(np.array([[0, 1, 2, 4]], np.float32))

    unknown, near, between, far = colours(medium)[0].astype(int).sum(-1)

    assert near > between > far > unknown == 0
    assert ends(medium) == (1, 4)
    assert "near 1.00 m, far 4.00 m" in html(medium)


def test_a_map_without_a_measurement_is_shown():
    medium = from_array(np.zeros((2, 2), np.float32))

    assert not colours(medium).any()
    assert "2x2" in html(medium)
