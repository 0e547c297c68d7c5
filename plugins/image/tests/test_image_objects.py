"""Pictures as Python programs hold them are the picture that a file of them would be."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from nextgpt_image.files import from_array, read
from nextgpt_image.objects import adopt
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Blob

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)
GREY = np.repeat(PIXELS[..., :1], 3, axis=2)
CLEAR = np.concatenate([PIXELS, np.full((6, 9, 1), 255, np.uint8)], axis=2)
CASES = {
    "bytes": (PIXELS, PIXELS),
    "floats": (PIXELS / 255, PIXELS),
    "half floats": ((PIXELS // 255).astype(np.float16), PIXELS // 255 * 255),
    "integers": (PIXELS.astype(np.int64), PIXELS),
    "sixteen bits": (PIXELS.astype(np.uint16) * 257, PIXELS),
    "booleans": (PIXELS > 255, PIXELS * 0),
    "channels first": (PIXELS.transpose(2, 0, 1), PIXELS),
    "tensor": (torch.from_numpy(PIXELS).permute(2, 0, 1) / 255, PIXELS),
    "tensor with a gradient": ((torch.from_numpy(PIXELS) / 255).requires_grad_(), PIXELS),
    "batch of one": (PIXELS[None], PIXELS),
    "grey": (PIXELS[..., 0], GREY),
    "grey with an axis": (PIXELS[..., :1], GREY),
    "opaque": (CLEAR, PIXELS),
    "Pillow": (Image.fromarray(PIXELS), PIXELS),
    "Pillow, grey": (Image.fromarray(PIXELS[..., 0]), GREY),
    "Pillow, opaque": (Image.fromarray(CLEAR), PIXELS),
}


@pytest.mark.parametrize(("value", "wanted"), CASES.values(), ids=CASES)
def test_picture_of_a_program_is_adopted(value: object, wanted: np.ndarray) -> None:
    found = adopt(value, guess=False)

    assert found == from_array(wanted)


def test_open_file_is_the_picture_that_is_read_from_it() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned
    out = io.BytesIO()
    Image.fromarray(PIXELS).save(out, "JPEG", exif=exif)

    assert adopt(Image.open(out), guess=True) == read(Blob(out.getvalue()))


def test_picture_that_is_no_number_is_not_to_be_scaled() -> None:
    with pytest.raises(MediaError) as caught:
        adopt(PIXELS * np.nan, guess=False)

    assert caught.value.fix == "make them finite, 0 to 1"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (PIXELS / 127.5 - 1, "(x + 1) / 2"),
        (PIXELS.astype(np.float32), "x / 255"),
        (PIXELS.astype(np.int32) - 300, "integers from"),
        (PIXELS * np.nan, "floats from nan"),
        (Image.new("F", (2, 2)), "whose range nobody says"),
        (Image.new("1", (1_000_001, 1)), "columns-or-rows"),
        (np.broadcast_to(np.uint8(0), (10_000, 10_000, 3)), "pixels"),
    ],
)
def test_picture_out_of_range_says_how_to_scale_it(value: object, said: str) -> None:
    with pytest.raises(MediaError) as caught:
        adopt(value, guess=False)

    assert said in str(caught.value)


@pytest.mark.parametrize("value", [PIXELS[..., 0], PIXELS[None], PIXELS[:, :, :2], PIXELS[0, 0]])
def test_array_that_may_be_something_else_is_left_to_be_named(value: np.ndarray) -> None:
    assert adopt(value, guess=True) is None


def test_picture_too_long_for_a_format_names_another(tmp_path) -> None:
    hook = Catalog.discover(["image"]).hook
    media = from_array(np.zeros((1, 70_000, 3), np.uint8))

    with pytest.raises(MediaError, match=r"70000x1 pixels are not written as JPEG"):
        hook.nextgpt_write_media(media=media, stem=tmp_path / "a", suffix=".jpg")
