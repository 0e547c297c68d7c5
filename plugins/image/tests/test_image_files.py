"""Pictures of every format are read as they look; whatever is wrong with a file is said."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pluggy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nextgpt_image import from_array, plugin
from nextgpt_registry import hookspecs
from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Blob, Media

PIXELS = np.zeros((6, 8, 3), np.uint8)
PIXELS[:, :4] = (255, 0, 0)
PIXELS[:3, 4:] = (0, 0, 255)
BEST: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 100, "subsampling": 0},
    "WEBP": {"lossless": True},
}


@pytest.fixture(scope="module")
def hook() -> Any:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin)
    manager.check_pending()
    return manager.hook


def encode(kind: str, picture: Image.Image | None = None, **options: Any) -> bytes:
    out = io.BytesIO()
    (picture or Image.fromarray(PIXELS)).save(out, kind, **options)
    return out.getvalue()


def film(frames: int = 3) -> bytes:
    pictures = [Image.fromarray(np.full((6, 8, 3), 60 * n, np.uint8)) for n in range(frames)]
    return encode("GIF", pictures[0], save_all=True, append_images=pictures[1:], duration=100)


def png_claiming(width: int, height: int) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    return (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_each_format_is_read_as_rgb(hook: Any, kind: str) -> None:
    data = encode(kind, **BEST.get(kind, {}))

    media = hook.nextgpt_read_media(modality="image", blob=Blob(data, f"a.{kind.lower()}"))

    assert media.data.dtype == np.uint8
    assert np.abs(media.data.astype(int) - PIXELS).max() <= (8 if kind == "JPEG" else 0)
    assert media.source == f"a.{kind.lower()}"


@pytest.mark.parametrize("name", ["a.jpg", "a", "a.bin", "a.wav"])
def test_content_decides_over_the_name(hook: Any, name: str) -> None:
    media = hook.nextgpt_read_media(modality="image", blob=Blob(encode("PNG"), name))

    assert np.array_equal(media.data, PIXELS)


def test_same_pixels_have_one_address_whatever_the_format(hook: Any) -> None:
    read = [
        hook.nextgpt_read_media(modality="image", blob=Blob(encode(kind, **BEST.get(kind, {}))))
        for kind in ("PNG", "WEBP", "GIF")
    ]

    assert {media.sha256 for media in read} == {from_array(PIXELS).sha256}


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparency_is_laid_on_white(hook: Any, kind: str) -> None:
    layer = np.zeros((2, 2, 4), np.uint8)
    layer[0] = (255, 0, 0, 255)

    media = hook.nextgpt_read_media(
        modality="image", blob=Blob(encode(kind, Image.fromarray(layer), **BEST.get(kind, {})))
    )

    assert media.data[0, 0].tolist() == [255, 0, 0]
    assert media.data[1, 0].tolist() == [255, 255, 255]


def test_palette_and_grey_with_transparency_are_laid_on_white(hook: Any) -> None:
    palette = Image.fromarray(PIXELS).quantize(4)
    see_through = palette.getpixel((0, 0))
    grey = Image.new("L", (2, 2), 7)

    read = [
        hook.nextgpt_read_media(modality="image", blob=Blob(data))
        for data in (
            encode("PNG", palette, transparency=see_through),
            encode("PNG", grey, transparency=7),
        )
    ]

    assert read[0].data[0, 0].tolist() == [255, 255, 255]
    assert read[0].data[0, 5].tolist() == [0, 0, 255]
    assert (read[1].data == 255).all()


def test_pictures_are_turned_upright(hook: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise

    media = hook.nextgpt_read_media(modality="image", blob=Blob(encode("PNG", exif=exif)))

    assert np.array_equal(media.data, np.rot90(PIXELS, k=-1))


def test_sixteen_bit_grey_keeps_its_range(hook: Any) -> None:
    deep = Image.fromarray(np.array([[0, 0x8000, 0xFFFF]], np.uint16))

    media = hook.nextgpt_read_media(modality="image", blob=Blob(encode("PNG", deep)))

    assert media.data[0, :, 0].tolist() == [0, 128, 255]


def test_an_animated_gif_is_a_film_unless_a_picture_is_asked_for(hook: Any) -> None:
    guessed = hook.nextgpt_read_media(modality="image", blob=Blob(film(), "a.gif", guess=True))
    asked = hook.nextgpt_read_media(modality="image", blob=Blob(film(), "a.gif"))
    still = hook.nextgpt_read_media(modality="image", blob=Blob(film(1), "a.gif", guess=True))

    assert guessed is None
    assert asked.data.shape == (6, 8, 3)
    assert asked.data.max() == 0
    assert still == asked


@pytest.mark.parametrize(
    ("name", "mime"), [("a.png", ""), ("", "image/webp"), ("", "image/png; a=b")]
)
def test_a_name_that_promises_a_picture_is_held_to_it(hook: Any, name: str, mime: str) -> None:
    with pytest.raises(MediaError, match="content is WAV data"):
        hook.nextgpt_read_media(modality="image", blob=Blob(b"RIFF\x24\0\0\0WAVEfmt ", name, mime))


@pytest.mark.parametrize("name", ["a.gif", "a.xyz", ""])
def test_what_nobody_called_a_picture_is_declined(hook: Any, name: str) -> None:
    assert hook.nextgpt_read_media(modality="image", blob=Blob(b"hello there", name)) is None


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(png_claiming(100_000, 100_000), "10,000,000,000 pixels, more than", id="bomb"),
        pytest.param(png_claiming(0, 5), "0x5 pixels", id="no width"),
        pytest.param(encode("PNG")[:60], "truncated PNG", id="torn png"),
        pytest.param(encode("JPEG")[:300], "truncated JPEG", id="torn jpeg"),
        pytest.param(encode("JPEG")[:20], "header is cut short", id="torn jpeg header"),
        pytest.param(encode("WEBP")[:40], "truncated WEBP", id="torn webp"),
        pytest.param(encode("GIF")[:30], "truncated GIF", id="torn gif"),
        pytest.param(encode("PNG")[:12], "header", id="torn png header"),
    ],
)
def test_damage_and_excess_are_named(hook: Any, data: bytes, said: str) -> None:
    with pytest.raises(MediaError, match=said) as raised:
        hook.nextgpt_read_media(modality="image", blob=Blob(data, "a.png"))

    assert raised.value.who == "a.png"
    assert raised.value.fix


@pytest.mark.filterwarnings("ignore")  # Pillow remarks on some damaged files that it still reads
@settings(max_examples=150, deadline=None)
@given(kind=st.sampled_from(["PNG", "JPEG", "WEBP", "GIF"]), data=st.data())
def test_damaged_bytes_end_in_a_picture_or_a_clear_error(kind: str, data: st.DataObject) -> None:
    whole = bytearray(encode(kind))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(8, len(whole) - 1))] = data.draw(st.integers(0, 255))

    try:
        media = plugin.nextgpt_read_media("image", Blob(bytes(whole), "a"))
    except MediaError:
        return

    assert media is None or media.data.ndim == 3


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((4, 4, 3), np.float32), "array of float32, wanted uint8"),
        (np.zeros((4, 4), np.uint8), r"shape \(4, 4\)"),
        (np.zeros((4, 4, 4), np.uint8), r"shape \(4, 4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), r"shape \(0, 4, 3\)"),
    ],
)
def test_arrays_of_another_layout_are_refused(array: Any, said: str) -> None:
    with pytest.raises(MediaError, match=said):
        from_array(array)


def test_a_written_picture_reads_back_equal(hook: Any, tmp_path: Path) -> None:
    media = from_array(PIXELS)

    path = hook.nextgpt_write_media(media=media, stem=tmp_path / "out" / "v1.2", suffix=".png")

    assert path == tmp_path / "out" / "v1.2.png"
    assert hook.nextgpt_read_media(modality="image", blob=Blob(path.read_bytes())) == media
    assert list(path.parent.iterdir()) == [path]


def test_shown_pictures_carry_their_pixels(hook: Any) -> None:
    shown = hook.nextgpt_show_media(media=from_array(PIXELS))

    assert shown.startswith('<img src="data:image/png;base64,')
    assert 'width="256"' in shown
    assert "pixelated" in shown


def test_logged_pictures_reach_tensorboard(hook: Any) -> None:
    class Writer:
        def add_image(self, *args: Any, **options: Any) -> None:
            self.got = args, options

    writer = Writer()

    assert hook.nextgpt_log_media(writer=writer, tag="a", media=from_array(PIXELS), step=3)
    assert writer.got[0][2] == 3


def test_a_medium_made_from_an_array_is_held_to_the_layout(hook: Any) -> None:
    assert hook.nextgpt_check_media(media=Media("image", PIXELS)) == from_array(PIXELS)
    with pytest.raises(MediaError, match="wanted uint8"):
        hook.nextgpt_check_media(media=Media("image", PIXELS / 255))
