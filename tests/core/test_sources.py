"""Every way to say where a medium is: read, or refused by name at once. Nothing is waited for."""

from __future__ import annotations

import base64
import os
import socket
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nextgpt_core.intake.reading import Reader
from nextgpt_core.intake.sources import data_url
from nextgpt_core.testing.toy import PLUGIN, glyph
from nextgpt_registry.arrays import rate_of
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.errors import MediaError, NextGPTError
from nextgpt_registry.media import Blob
from nextgpt_registry.messages import MediaPart

READER = Reader(Catalog.of({"toy": PLUGIN}), {"glyph": "glyph"})
DATA = b"GLYPH" + glyph().data.tobytes()
BYTES = bytes(range(256))[-6:] + b"?>~"
PLAIN = base64.b64encode(BYTES).decode()
SAFE = base64.urlsafe_b64encode(BYTES).decode()

pytestmark = pytest.mark.timeout(20)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(f"data:x/y;base64,{PLAIN}", id="plain"),
        pytest.param(f"data:x/y;base64,{SAFE}", id="alphabet of URLs"),
        pytest.param(f"data:x/y;base64,{PLAIN.rstrip('=')}", id="unpadded"),
        pytest.param(f"data:x/y;base64,{PLAIN}====", id="padded too much"),
        pytest.param(f"data:x/y;base64,{PLAIN[:5]}\r\n {PLAIN[5:]}\n", id="lines"),
        pytest.param(f"data:x/y;base64,{PLAIN.replace('+', '%2B').replace('/', '%2F')}", id="%"),
        pytest.param(f"data:x/y;charset=utf-8;base64,{PLAIN}", id="parameter"),
        pytest.param(f"DATA:X/Y;Base64,{PLAIN}", id="upper case"),
        pytest.param(f" data: x/y ; base64,{PLAIN}", id="spaces"),
        pytest.param("data:x/y," + "".join(f"%{byte:02X}" for byte in BYTES), id="no base64"),
    ],
)
def test_data_urls_as_programs_write_them(url: str) -> None:
    assert data_url(url) == Blob(BYTES, mime="x/y")


@pytest.mark.parametrize(
    "url", ["data:x/y;base64", "data:x/y;base64,a", "data:;base64,a=bc", "data:;base64,é", "data:"]
)
def test_data_urls_that_hold_nothing_readable(url: str) -> None:
    with pytest.raises(MediaError, match="data URL"):
        data_url(url)


def test_the_content_of_a_data_url_decides_over_its_type() -> None:
    url = "data:text/plain;base64," + base64.b64encode(DATA).decode()

    assert READER.argument(url) == READER.argument(f"glyph={url}") == MediaPart("glyph", glyph())


@pytest.mark.parametrize(
    "address",
    [
        "http://h/x.glyph",
        "HTTPS://h/x.glyph?a=b",
        "s3://bucket/x.glyph",
        "hf://datasets/x.glyph",
        "file://elsewhere/x.glyph",
        "http://[broken/x.glyph",
    ],
)
@pytest.mark.parametrize("named", [False, True])
def test_addresses_are_not_fetched_and_that_is_said(address: str, named: bool) -> None:
    with pytest.raises(NextGPTError, match=r"addresses are not fetched|is no address"):
        READER.argument(f"glyph={address}" if named else address)


def test_an_address_that_became_a_path() -> None:
    with pytest.raises(MediaError, match="addresses are not fetched"):
        READER.parts([Path("https://h/x.glyph")])


@pytest.mark.parametrize(
    "name", ["a b%25é.glyph", "a\nb.glyph", "x=1.glyph", "UPPER.GLYPH", "bare"]
)
def test_files_of_any_name_and_their_urls(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(DATA)

    for given in (str(path), f"glyph={path}", path.as_uri(), f"glyph={path.as_uri()}"):
        assert READER.argument(given) == MediaPart("glyph", glyph())
    assert READER.parts([path, ("glyph", path.as_uri())]) == (MediaPart("glyph", glyph()),) * 2


@pytest.mark.parametrize("given", ["", "glyph="])
def test_an_empty_name(given: str) -> None:
    with pytest.raises(MediaError, match="name of its file is empty"):
        READER.argument(given)


def test_what_is_no_file_is_said_and_not_waited_for(tmp_path: Path) -> None:
    pipe, link, loop = (tmp_path / f"{name}.glyph" for name in ("pipe", "link", "loop"))
    os.mkfifo(pipe)
    link.symlink_to(tmp_path / "gone")
    loop.symlink_to(loop)

    for path, said in (
        (pipe, "is a pipe"),
        (link, "is a link to .*gone, which is not there"),
        (loop, "symbolic links"),
        (tmp_path, "is a folder"),
        (tmp_path / "none.glyph", "no such file"),
        (tmp_path / ("a" * 300), "name too long"),
        (tmp_path / "a\0b", "is no path"),
        (Path("/dev/zero"), "is a device"),
    ):
        with pytest.raises(MediaError, match=said):
            READER.path(path, "glyph")


def test_a_socket_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the names of sockets are short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s.glyph")

        with pytest.raises(MediaError, match="is a socket"):
            READER.path(tmp_path / "s.glyph")


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="no /proc here")
def test_a_file_without_a_size_is_not_read_without_end() -> None:
    with pytest.raises(MediaError, match="being written"):
        READER.path(Path("/proc/version"), "glyph")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.glyph"
    path.write_bytes(DATA)
    path.chmod(0)

    with pytest.raises(MediaError, match="Permission denied"):
        READER.path(path)


@pytest.mark.parametrize(
    "rate",
    [
        8,
        8.0,
        np.int64(8),
        np.uint8(8),
        np.float32(8),
        np.float16(8),
        np.array(8),
        torch.tensor(8),
        Fraction(8),
    ],
    ids=lambda rate: type(rate).__name__,
)
def test_rates_of_every_library(rate: Any) -> None:
    (part,) = READER.parts([("glyph", (np.zeros((8, 8), dtype=np.uint8), rate))])

    assert isinstance(part, MediaPart)
    assert part.media is not None
    assert part.media.rate == 8
    assert type(part.media.rate) is float


@pytest.mark.parametrize("rate", [True, "8", None, 8j, Decimal(8), np.array([8]), np.bool_(True)])
def test_what_is_no_rate(rate: Any) -> None:
    assert rate_of(rate) is None
    with pytest.raises(NextGPTError, match="its content is a tuple"):
        READER.parts([("glyph", (np.zeros(4, dtype=np.uint8), rate))])


def test_a_rate_beyond_all_floats_is_infinite() -> None:
    assert rate_of(10**400) == float("inf")
