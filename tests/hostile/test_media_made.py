"""Media that callers make themselves: arrays, `Media`, bytes and data URLs that do not fit."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nextgpt_core import Pipeline
from nextgpt_core.intake.reading import Reader
from nextgpt_core.testing import SystemKit, glyph
from nextgpt_registry import Catalog, Media, MediaError, MediaPart, Message, RequestError

pytestmark = pytest.mark.timeout(60)


def endless(*shape: int, dtype: Any = np.uint8) -> Any:
    """An array that is larger than any memory, and takes none."""
    return np.broadcast_to(np.zeros((), dtype), shape)


SOUND = np.zeros(1600, np.float32)
PICTURE = np.zeros((8, 9, 3), np.uint8)
FILM = np.zeros((4, 8, 9, 3), np.uint8)

WRONG = {
    "sound of NaN": (Media("audio", SOUND * np.nan, 16_000), "no numbers"),
    "sound with one infinity": (Media("audio", np.append(SOUND, np.inf), 16_000), "wanted float32"),
    "sound of infinities": (Media("audio", SOUND + np.float32(np.inf), 16_000), "no numbers"),
    "sound without a rate": (Media("audio", SOUND), "without a sample rate"),
    "sound of rate 0": (Media("audio", SOUND, 0), "rate of 0"),
    "sound of rate -1": (Media("audio", SOUND, -1), "rate of -1"),
    "sound of rate NaN": (Media("audio", SOUND, float("nan")), "rate of nan"),
    "stereo sound": (Media("audio", np.stack([SOUND, SOUND]), 16_000), "shape (2, 1600)"),
    "loud sound": (Media("audio", SOUND + 20_000, 16_000), "wanted within [-1, 1]"),
    "silence of no length": (Media("audio", SOUND[:0], 16_000), "shape (0,)"),
    "endless sound": (Media("audio", endless(10**13, dtype=np.float32), 16_000), "seconds"),
    "picture of floats": (Media("image", PICTURE / 255), "wanted uint8"),
    "picture of NaN": (Media("image", PICTURE * np.nan), "wanted uint8"),
    "picture without colours": (Media("image", PICTURE[..., 0]), "shape (8, 9)"),
    "picture with alpha": (Media("image", endless(8, 9, 4)), "shape (8, 9, 4)"),
    "picture of no height": (Media("image", PICTURE[:0]), "shape (0, 9, 3)"),
    "endless picture": (Media("image", endless(10**6, 10**6, 3)), "pixels"),
    "endless line": (Media("image", endless(1, 40_000_000, 3)), "columns-or-rows"),
    "endless column": (Media("image", endless(40_000_000, 1, 3)), "columns-or-rows"),
    "picture that is bytes": (Media("image", b"\x89PNG"), "wanted uint8"),
    "video of floats": (Media("video", FILM / 255, 8), "wanted uint8"),
    "video without a rate": (Media("video", FILM), "without a rate"),
    "video of rate infinity": (Media("video", FILM, float("inf")), "rate of inf"),
    "video of endless frames": (Media("video", endless(10**9, 99, 99, 3), 8), "frames"),
    "video of endless size": (Media("video", endless(9, 10**6, 10**6, 3), 8), "pixels"),
}


ADOPTED = ("stereo", "of floats", "without colours", "with alpha")
"""Of arrays these are made fit, since what they mean is certain; of `Media` they are not."""
SAYS = {"sound with one infinity": "no numbers", "picture of NaN": "floats from nan"}
"""Of an array that is made fit as far as it can be."""


@pytest.fixture(scope="module")
def reader() -> Reader:
    names = ("audio", "image", "video")
    return Reader(Catalog.discover(names), {name: name for name in names})


@pytest.mark.parametrize("how", ["alone", "named", "part", "array"])
@pytest.mark.parametrize("name", WRONG)
def test_media_that_do_not_fit_are_refused_at_the_door(reader: Reader, name: str, how: str) -> None:
    media, says = WRONG[name]
    given: dict[str, Any] = {
        "alone": media,
        "named": (media.modality, media),
        "part": MediaPart(media.modality, media),
        "array": (media.modality, media.data if media.rate is None else (media.data, media.rate)),
    }
    if how == "array":
        says = SAYS.get(name, says)
        if not hasattr(media.data, "dtype"):
            pytest.skip("no array")
        if any(adopted in name for adopted in ADOPTED):
            (part,) = reader.parts([given[how]])
            assert part.media.modality == media.modality
            return

    with pytest.raises(MediaError) as caught:
        reader.parts([given[how]])

    assert says in caught.value.what
    assert caught.value.fix
    assert not vars(media)["sha256"]  # nobody read through it


@pytest.mark.parametrize("data", ["a cat", None, PICTURE.tolist()])
def test_what_is_no_array_makes_no_medium(data: Any) -> None:
    with pytest.raises(MediaError, match=f"its data is a {type(data).__name__}"):
        Media("image", data)


def test_media_that_fit_are_as_a_reader_makes_them(reader: Reader) -> None:
    given = Media("audio", SOUND, np.int64(16_000), "a.wav", about={"licence": "CC0"})

    (part,) = reader.parts([given])

    assert isinstance(part, MediaPart)
    assert part.media is not None
    assert (part.media.rate, part.media.source, part.media.about) == (
        16_000.0,
        "a.wav",
        given.about,
    )
    assert part.media == Media("audio", SOUND.copy(), 16_000.0)
    assert reader.parts([part]) == (part,)
    assert reader.parts([part])[0].media is part.media  # type: ignore[union-attr]


def test_address_given_with_a_medium_is_not_believed(reader: Reader) -> None:
    (part,) = reader.parts([Media("image", PICTURE, sha256="0" * 64)])

    assert isinstance(part, MediaPart)
    assert part.media == Media("image", PICTURE)


def test_more_bytes_than_allowed_are_neither_copied_nor_decoded(reader: Reader) -> None:
    pages = mmap.mmap(-1, 2 << 30)  # takes memory only where it is touched

    with pages, memoryview(pages) as data, pytest.raises(MediaError, match="2,147,483,648 bytes"):
        reader.parts([("image", data)])


@pytest.mark.parametrize("header", ["data:image/png;base64,", "data:image/png,"])
def test_data_url_longer_than_any_that_is_allowed(reader: Reader, header: str) -> None:
    with pytest.raises(MediaError, match="data URL: has 66,"):
        reader.parts([("image", header + "A" * 200_000_000)])


def test_film_within_its_own_limit_is_no_picture_that_is_too_large(tmp_path: Path) -> None:
    reader = Reader(Catalog.discover(("image", "video")), {"image": "image", "video": "video"})
    file = tmp_path / "a.gif"
    with file.open("wb") as out:
        out.write(b"GIF89a")
        out.truncate(100_000_000)

    with pytest.raises(MediaError, match="not read as video"):
        reader.path(file)


@pytest.fixture
def pipeline(tmp_path: Path) -> Any:
    with SystemKit(tmp_path).pipeline() as pipeline:
        yield pipeline


@pytest.mark.parametrize(
    ("media", "error", "says"),
    [
        (Media("glyph", np.zeros((8, 8))), MediaError, "float64"),
        (Media("glyph", np.zeros((9, 8), np.uint8)), MediaError, r"\(9, 8\)"),
        (Media("rune", np.zeros((8, 8), np.uint8)), RequestError, "'rune'"),
    ],
)
def test_media_of_a_history_are_held_to_the_same(
    pipeline: Pipeline, media: Media, error: type[Exception], says: str
) -> None:
    history = (Message("user", (MediaPart("glyph", media),)), Message("assistant", ("Hm.",)))

    with pytest.raises(error, match=says):
        pipeline.chat("And?", history=history)
    assert pipeline.chat([glyph(1), "And?"]).parts
