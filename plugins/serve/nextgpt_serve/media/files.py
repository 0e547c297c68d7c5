"""Media as files of the formats that their plugins write, and as data URLs."""

from __future__ import annotations

import base64
from pathlib import Path
from tempfile import TemporaryDirectory

from nextgpt_core import Media


def file_of(media: Media, suffix: str) -> bytes:
    """The bytes of a medium's file; it lies in a folder of its own while it is written.

    Raises:
        MediaError: its plugin cannot write it.
    """
    with TemporaryDirectory(prefix="nextgpt-") as folder:
        return media.save(Path(folder) / f"medium{suffix}").read_bytes()


def packed(data: bytes) -> str:
    """Base64."""
    return base64.b64encode(data).decode("ascii")


def data_url(data: bytes, mime: str) -> str:
    """`data:TYPE;base64,…`."""
    return f"data:{mime};base64,{packed(data)}"
