from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest

from nextgpt_core.answer import Text
from nextgpt_core.intake.reading import Reader, data_url
from nextgpt_core.testing.toy import MANIFEST, PLUGIN, glyph
from nextgpt_registry import hookimpl
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.errors import MediaError, RequestError
from nextgpt_registry.media import Blob, Media
from nextgpt_registry.messages import MediaPart
from nextgpt_registry.specs import Manifest, Modality


class Runes:
    """Another modality that uses the suffix of glyphs; it reads those that begin `RUNE`."""

    @hookimpl
    def nextgpt_manifest(self) -> Manifest:
        rune = Modality(name="rune", summary="", mime=("x/rune",), suffixes=(".rune", ".glyph"))
        return Manifest(summary="", license="", modalities=(rune,))

    @hookimpl
    def nextgpt_read_media(self, modality: str, blob: Blob) -> Media | None:
        if modality != "rune" or not blob.data.startswith((b"RUNE", b"GLYPHRUNE")):
            return None
        return Media("rune", blob.data)


CATALOG = Catalog.of({"toy": PLUGIN, "runes": Runes()})
READER = Reader(CATALOG, {"glyph": "glyph"})
BOTH = Reader(CATALOG, {"glyph": "glyph", "rune": "rune"})
DATA = b"GLYPH" + glyph().data.tobytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return READER.write(glyph(), tmp_path / "a")


def test_strings_are_text_even_if_they_look_like_paths(path: Path) -> None:
    gone = str(path.with_name("gone.glyph"))

    assert READER.parts([gone, f"glyph={path}"]) == (gone, f"glyph={path}")
    assert READER.parts("lone") == ("lone",)


def test_name_of_a_file_that_is_there_is_no_text(path: Path) -> None:
    for given in (str(path), [str(path)], f" {path} "):
        with pytest.raises(RequestError, match=r"is the name of a file") as caught:
            READER.parts(given)

    assert f"Path('{path}') or ('glyph', '{path}')" in caught.value.fix
    assert READER.parts([Text(str(path))]) == (str(path),)


@pytest.mark.parametrize("kind", ["path", "string", "bytes", "url", "array", "media", "part"])
def test_media_are_read_from_whatever_holds_them(path: Path, kind: str) -> None:
    url = "data:application/x-glyph;base64," + base64.b64encode(DATA).decode()
    given = {
        "path": path,
        "string": ("glyph", str(path)),
        "bytes": ("glyph", DATA),
        "url": ("glyph", url),
        "array": ("glyph", glyph().data),
        "media": glyph(),
        "part": MediaPart("glyph", glyph()),
    }[kind]

    assert READER.parts([given]) == (MediaPart("glyph", glyph()),)


def test_an_open_file_is_read_from_its_beginning(path: Path) -> None:
    for buffering in (0, -1):
        with path.open("rb", buffering=buffering) as file:
            file.read(3)

            assert READER.parts(file) == (MediaPart("glyph", glyph()),)
            assert READER.parts([("glyph", file)]) == (MediaPart("glyph", glyph()),)
    with (
        path.open(encoding="latin-1") as text,
        pytest.raises(RequestError, match="is open as text"),
    ):
        READER.parts([text])
    with pytest.raises(RequestError, match="cannot be read from its beginning"):
        READER.parts([file])  # which is closed


def test_array_with_a_rate() -> None:
    (part,) = READER.parts([("glyph", (np.zeros((8, 8), dtype=np.uint8), 8))])

    assert isinstance(part, MediaPart)
    assert part.media is not None
    assert part.media.rate == 8


def test_argument_names_a_channel_or_leaves_it_to_the_suffix(path: Path) -> None:
    assert READER.argument(str(path)) == READER.argument(f"glyph={path}")


def test_file_whose_name_has_an_equals_sign(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.rename(path.with_name("x=1.glyph"))
    monkeypatch.chdir(path.parent)

    assert READER.argument("x=1.glyph") == MediaPart("glyph", glyph())


def test_content_decides_between_modalities_that_share_a_suffix(tmp_path: Path) -> None:
    file = tmp_path / "a.glyph"
    file.write_bytes(b"RUNE!")

    assert BOTH.path(file).channel == "rune"
    file.write_bytes(DATA)
    assert BOTH.path(file).channel == "glyph"


def test_what_stays_ambiguous_is_an_error_that_lists_the_candidates(tmp_path: Path) -> None:
    file = tmp_path / "a.glyph"
    file.write_bytes(b"GLYPHRUNE" + bytes(60))

    with pytest.raises(MediaError, match="meant for glyph or rune") as caught:
        BOTH.path(file)

    assert f"glyph={file} or rune={file}" in str(caught.value)
    assert BOTH.path(file, "rune").channel == "rune"


def test_lying_content_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.glyph"
    file.write_bytes(b"\x89PNG\r\n\x1a\n")

    with pytest.raises(MediaError, match="is PNG data, which is not read as glyph"):
        READER.path(file)


def test_limit_of_bytes_holds_before_the_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.glyph"
    with file.open("wb") as out:
        out.truncate(1 << 40)  # sparse: reading it would not end well

    with pytest.raises(MediaError, match="more than the 1,024 accepted"):
        READER.path(file)
    with pytest.raises(MediaError, match="more than the 1,024 accepted"):
        READER.parts([("glyph", bytes(2000))])


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no such file"):
        READER.path(tmp_path / "no.glyph")
    with pytest.raises(MediaError, match="is a folder"):
        READER.path(tmp_path)


def test_unknown_suffix_lists_what_is_known(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(DATA)

    with pytest.raises(MediaError, match=r"glyph \(\.glyph\)"):
        READER.path(file)
    assert READER.path(file, "glyph") == MediaPart("glyph", glyph())


def test_unknown_channel_lists_what_is_known() -> None:
    with pytest.raises(RequestError, match="did you mean 'glyph'"):
        READER.parts([("glyf", DATA)])


def test_modality_of_two_channels_must_be_told_apart() -> None:
    reader = Reader(CATALOG, {"one": "glyph", "two": "glyph"})

    with pytest.raises(RequestError, match="one or two"):
        reader.parts([glyph()])
    assert reader.parts([("two", glyph())]) == (MediaPart("two", glyph()),)


def test_medium_of_another_modality_is_refused() -> None:
    with pytest.raises(RequestError, match="holds rune"):
        BOTH.parts([("glyph", Media("rune", b""))])


def test_addresses_are_never_fetched() -> None:
    with pytest.raises(RequestError, match="not fetched"):
        READER.parts([("glyph", "http://localhost/x.glyph")])


@pytest.mark.parametrize("url", ["data:x", "data:;base64,!!", "data:;base64,abcde"])
def test_broken_data_url(url: str) -> None:
    with pytest.raises(MediaError, match="data URL"):
        data_url(url)


def test_data_url_without_base64() -> None:
    assert data_url("data:text/plain,a%20b") == Blob(b"a b", mime="text/plain")


def test_part_that_is_nothing() -> None:
    with pytest.raises(RequestError, match="is a int"):
        READER.parts([3])  # type: ignore[list-item]
    with pytest.raises(RequestError, match="is a dict"):
        READER.parts([("glyph", {})])


def test_array_that_no_plugin_takes_is_described_and_may_be_named() -> None:
    with pytest.raises(RequestError, match=r"float64 and shape \(9, 9\)") as caught:
        READER.parts([np.zeros((9, 9))])

    assert caught.value.fix == "say what it is: ('glyph', …)"


def test_part_that_holds_no_media_says_how_else_it_is_given() -> None:
    with pytest.raises(RequestError, match="holds a list") as caught:
        READER.parts([MediaPart("glyph", [1])])  # type: ignore[arg-type]

    assert "('glyph', content)" in caught.value.fix


def test_medium_that_no_plugin_writes(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="writes rune"):
        BOTH.write(Media("rune", b""), tmp_path / "x")


def test_toy_declares_what_it_should() -> None:
    assert MANIFEST.modalities[0].limit("bytes") == 1024
