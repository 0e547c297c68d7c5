"""Formats are told by content, promises by name, and files are replaced whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from nextgpt_registry.content import check_limit, describe, format_of, promises, replace_file
from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Blob
from nextgpt_registry.specs import Limit, Modality

SONAR = Modality(
    name="sonar",
    summary="echoes",
    mime=("application/x-sonar", "image/gif"),
    suffixes=(".snr", ".gif"),
    limits=(Limit(of="pings", at_most=2.5),),
)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"RIFF\0\0\0\0WAVEfmt ", "WAV"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "WEBP"),
        (b"\0\0\0\x20ftypisom", "MP4"),
        (b"\0\0\0\x20ftypM4A ", "M4A"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm", "WEBM"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x88matroska", "MATROSKA"),
        (b"\xff\xfb\x90\x64", "MP3"),
        (b"\xff\xff\xff\xff", ""),
        (b"hello", ""),
        (b"", ""),
    ],
)
def test_formats_are_told_by_how_they_begin(data: bytes, name: str) -> None:
    assert format_of(data) == name


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "0 bytes"), (b"GIF89a", "GIF"), (b"<html>", "text"), (b"\0\1\2", "00 01 02")],
)
def test_any_content_has_a_description(data: bytes, said: str) -> None:
    assert said in describe(data)


def test_shared_suffixes_promise_nothing() -> None:
    assert promises(Blob(b"", "A.SNR"), SONAR)
    assert promises(Blob(b"", "", "application/x-sonar; a=b"), SONAR)
    assert promises(Blob(b"", "a.gif"), SONAR)
    assert not promises(Blob(b"", "a.gif"), SONAR, but=(".gif",))
    assert not promises(Blob(b"", "a.txt"), SONAR)


def test_limits_are_named_with_what_was_found_and_wanted() -> None:
    check_limit(SONAR, "pings", 2.5, who="a")
    check_limit(SONAR, "undeclared", 1e9, who="a")

    with pytest.raises(MediaError, match=r"a: has 3 pings, more than the 2\.50 accepted of sonar"):
        check_limit(SONAR, "pings", 3, who="a")


def test_a_replaced_file_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.bin"

    replace_file(path, b"old")
    replace_file(path, b"new")

    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]
