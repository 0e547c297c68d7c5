"""The size of a picture, from its header alone. Decodes no pixel and trusts no library to be safe.

Read before any decoder is started, so that a few bytes that claim a billion pixels cost nothing.
"""

from __future__ import annotations

import struct

_NOT_FRAMES = (0xC4, 0xC8, 0xCC)


def size_of(data: bytes, kind: str) -> tuple[int, int]:
    """(width, height) that the header of a PNG, JPEG, WEBP or GIF declares.

    Raises:
        ValueError: the header is damaged or cut short.
    """
    try:
        return _READERS[kind](data)
    except (struct.error, IndexError) as error:
        raise ValueError("its header is cut short") from error


def gif_frames(data: bytes, *, at_most: int = 2) -> int:
    """How many pictures a GIF holds, counted no further than `at_most` or the end of the data."""
    try:
        return _count_gif(data, at_most)
    except IndexError:  # cut short: whoever decodes it will say so
        return 1


def png_chunk(data: bytes, name: bytes) -> bytes:
    """What a chunk before the pixels of a PNG holds; b"" where there is none of this name."""
    at = 8 if data[:8] == b"\x89PNG\r\n\x1a\n" else len(data)
    while at + 8 <= len(data) and (found := data[at + 4 : at + 8]) != b"IDAT":
        length = int.from_bytes(data[at : at + 4], "big")
        if found == name:
            return data[at + 8 : at + 8 + length]
        at += 12 + length
    return b""


def declaring_alpha(data: bytes, kind: str) -> bytes:
    """The file, its header admitting the transparency that frames of an animated WebP may have.

    Some writers leave that out (libwebp's own, where it comes to it late), and Pillow believes it.
    """
    if kind != "WEBP" or data[12:16] != b"VP8X" or not data[20] & 0x02:
        return data
    return data[:20] + bytes([data[20] | 0x10]) + data[21:]


def _png(data: bytes) -> tuple[int, int]:
    if data[12:16] != b"IHDR":
        raise ValueError("its header is not that of a PNG")
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _gif(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _jpeg(data: bytes) -> tuple[int, int]:
    at = 2
    while True:
        if data[at] != 0xFF:
            raise ValueError("its header is damaged")
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in _NOT_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        else:
            (length,) = struct.unpack_from(">H", data, at + 2)
            at += 2 + length


def _webp(data: bytes) -> tuple[int, int]:
    chunk = data[12:16]
    if chunk == b"VP8X":
        width, height = data[24:27], data[27:30]
        if len(height) < 3:
            raise IndexError
        return int.from_bytes(width, "little") + 1, int.from_bytes(height, "little") + 1
    if chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError("its header is not that of a WebP")


_READERS = {"PNG": _png, "GIF": _gif, "JPEG": _jpeg, "WEBP": _webp}


def _count_gif(data: bytes, at_most: int) -> int:
    at = 13 + _table(data[10])
    found = 0
    while found < at_most:
        block = data[at]
        if block == 0x21:  # extension
            at = _skip(data, at + 2)
        elif block == 0x2C:  # a picture
            found += 1
            at = _skip(data, at + 11 + _table(data[at + 9]))
        else:
            break
    return found


def _table(flags: int) -> int:
    """Bytes of the colour table that these flags announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _skip(data: bytes, at: int) -> int:
    while data[at]:
        at += data[at] + 1
    return at + 1
