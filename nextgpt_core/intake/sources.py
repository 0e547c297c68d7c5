"""Where the bytes of a medium come from: files, addresses, data URLs. Decodes nothing.

Nothing is fetched, and nothing is waited for: only a regular file of a size known beforehand is
read.
"""

from __future__ import annotations

import base64
import binascii
import io
import os
import re
import stat
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit
from urllib.request import url2pathname

from nextgpt_registry.errors import MediaError, RequestError
from nextgpt_registry.media import Blob

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)  # a Path makes one / of two
_FILE_URL = re.compile(r"file:/+", re.IGNORECASE)
_DATA_URL = re.compile(
    r'\s*data:(?P<mime>[^;,]*)(?P<rest>(?:"[^"]*"|[^,"])*),(?P<data>.*)', re.DOTALL | re.I
)
_PACKED = re.compile(r"\s*data:[\w.+-]+/[\w.+-]+(?:;[^,;\s]*)*;base64,", re.I)
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")  # from the alphabet that is safe in URLs
_SPACE = b" \t\r\n\f\v"
_KINDS = (
    (stat.S_ISDIR, "is a folder"),
    (stat.S_ISFIFO, "is a pipe, which may never end"),
    (stat.S_ISSOCK, "is a socket"),
    (stat.S_ISCHR, "is a device, which may never end"),
    (stat.S_ISBLK, "is a device"),
)


def is_data_url(text: str) -> bool:
    """Whether it is meant as one, be it well-formed or not."""
    return text[:64].lstrip()[:5].lower() == "data:"


def is_packed(text: str) -> bool:
    """Whether it is a data URL beyond doubt: with a type, and base64."""
    return _PACKED.match(text) is not None


def is_address(text: str) -> bool:
    """Whether it is a URL: of the web, of a store, of a file."""
    found = _ADDRESS.match(text)
    return found is not None and ("://" in text[:64] or _FILE_URL.match(text) is not None)


def local(text: str) -> Path:
    """The path that a string says: as it stands, or as a URL of a file on this machine.

    Raises:
        MediaError: it is empty.
        RequestError: it is the address of something elsewhere.
    """
    if not text:
        raise MediaError("medium", "the name of its file is empty", "give the path of a file")
    if not is_address(text):
        return Path(text)
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise RequestError(text, f"is no address: {error}", "give the path of a file") from error
    if parts.scheme.lower() != "file" or parts.netloc.lower() not in ("", "localhost"):
        raise RequestError(
            text, "addresses are not fetched", "download it first, and give the file's path"
        )
    return Path(url2pathname(parts.path))


def file_size(path: Path, who: str) -> int:
    """The bytes of a regular file.

    Raises:
        MediaError: it is none; the message says what it is instead.
    """
    try:
        found = path.stat()
    except FileNotFoundError as error:
        raise MediaError(who, _missing(path), "give the path of a file") from error
    except (OSError, ValueError) as error:  # no permission, a loop of links, a name too long, NUL
        raise MediaError(who, f"cannot be read: {error}", "check the path") from error
    for is_kind, said in _KINDS:
        if is_kind(found.st_mode):
            fix = "give the path of a file" if "folder" in said else "save what it holds to a file"
            raise MediaError(who, said, fix)
    return found.st_size


def contents(path: Path, size: int, who: str) -> bytes:
    """What a file of `size` bytes holds.

    Raises:
        MediaError: it cannot be read, or holds more by now: it grows, or is no file on a disk.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            data = file.read(size + 1) or b""
    except OSError as error:
        raise MediaError(who, f"cannot be read: {error}", "check the file") from error
    if len(data) > size:
        raise MediaError(
            who, f"holds more than its {size} bytes: it is being written", "give a finished file"
        )
    return data


def is_open(given: object) -> bool:
    """Whether it is an open file, whoever opened it."""
    return hasattr(given, "read") and hasattr(given, "seek")


def open_size(file: Any) -> tuple[str, int]:
    """What an open file is called, and its bytes from the first to the last; it is at the first.

    Raises:
        RequestError: it holds text, is closed or has no end, as a connection has none.
    """
    name = getattr(file, "name", None)
    who = name if isinstance(name, str) else "open file"
    if isinstance(file, io.TextIOBase) or "b" not in getattr(file, "mode", "b"):
        raise RequestError(who, "is open as text", "open it with 'rb', or give its path")
    try:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
    except (OSError, ValueError) as error:
        what = f"is open, and cannot be read from its beginning: {error}"
        raise RequestError(who, what, "give its bytes, or its path") from error
    return who, size


def data_url(text: str) -> Blob:
    """The bytes and MIME type of a `data:` URL; base64 of either alphabet, padded or not.

    Raises:
        MediaError: it is none.
    """
    match = _DATA_URL.fullmatch(text)
    try:
        if match is None:
            raise ValueError("no comma after the header")
        data = unquote_to_bytes(match["data"])
        if "base64" in match["rest"].lower().replace(" ", "").split(";"):
            data = unpacked(data)
    except (ValueError, binascii.Error) as error:
        raise MediaError("data URL", f"cannot be read: {error}", "check how it was made") from error
    return Blob(data, mime=match["mime"].strip().lower())


def unpacked(data: bytes) -> bytes:
    """What base64 of either alphabet holds, padded or not.

    Raises:
        ValueError: it is none.
    """
    packed = data.translate(_TO_STANDARD, _SPACE).rstrip(b"=")
    return base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True)


def _missing(path: Path) -> str:
    if _ADDRESS.match(str(path)):
        return "there is no such file, and addresses are not fetched: download it first"
    if path.is_symlink():
        return f"is a link to {os.readlink(path)}, which is not there"
    return "there is no such file"


def _without_waiting(name: str, flags: int) -> int:
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))
