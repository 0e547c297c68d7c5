"""Whether a video's file is whole, from its boxes alone. Decodes nothing.

FFmpeg plays what is left of a file that was cut short; a reader should say that it was.
"""

from __future__ import annotations

import struct

_CONTROL = b"\x21\xf9\x04" + bytes(5)  # of no delay, no clear colour


def check_whole(data: bytes, kind: str) -> None:
    """Compare the sizes that a container declares with what is there.

    Raises:
        ValueError: something is missing.
    """
    try:
        {"MP4": _check_boxes, "GIF": gif_frames}.get(kind, _check_segment)(data)
    except (IndexError, struct.error) as error:
        raise ValueError("it ends within a block") from error


def gif_frames(data: bytes) -> int:
    """How many pictures a GIF holds.

    Raises:
        IndexError: the file ends within one.
    """
    at = 13 + _table(data[10])
    found = 0
    while at < len(data):
        if data[at] == 0x21:  # extension
            at = _skip(data, at + 2)
        elif data[at] == 0x2C:  # a picture
            found += 1
            at = _skip(data, at + 11 + _table(data[at + 9]))
        else:  # the trailer
            break
    return found


def with_controls(data: bytes) -> bytes:
    """A whole GIF with a control block before each picture: FFmpeg counts frames by them.

    Where a file has none (they may be left out) the pictures follow each other all the same.
    """
    at, kept, parts = 13 + _table(data[10]), 0, []
    controlled = False
    while at < len(data) and data[at] in (0x21, 0x2C):
        if data[at] == 0x21:
            controlled |= data[at + 1] == 0xF9
            at = _skip(data, at + 2)
            continue
        if not controlled:
            parts += [data[kept:at], _CONTROL]
            kept = at
        controlled = False
        at = _skip(data, at + 11 + _table(data[at + 9]))
    return b"".join([*parts, data[kept:]])


def gif_size(data: bytes) -> tuple[int, int]:
    """(width, height) of a GIF."""
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _check_boxes(data: bytes) -> None:
    at, names = 0, []
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, at + 8)
        elif size == 0:  # to the end of the file
            size = len(data) - at
        names.append(name)
        if size < 8 or at + size > len(data):
            missing = at + size - len(data)
            raise ValueError(f"{max(missing, 0)} bytes of box {name!r} are missing")
        at += size
    if b"moov" not in names:
        raise ValueError("it has no index (box 'moov')")


def _check_segment(data: bytes) -> None:
    size, after = _number(data, 4)  # after the four bytes of the EBML header's id
    at = after + size
    if data[at : at + 4] != b"\x18\x53\x80\x67":
        raise ValueError("it has no segment")
    size, after = _number(data, at + 4)
    unknown = size == (1 << 7 * (after - at - 4)) - 1  # as programs write that stream
    if not unknown and after + size > len(data):
        raise ValueError(f"{after + size - len(data)} bytes are missing")


def _number(data: bytes, at: int) -> tuple[int, int]:
    """An EBML number and where it ends."""
    length = 9 - data[at].bit_length()
    if length > 8 or at + length > len(data):
        raise IndexError
    return int.from_bytes(data[at : at + length]) & ((1 << 7 * length) - 1), at + length


def _table(flags: int) -> int:
    """Bytes of the colour table that these flags announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _skip(data: bytes, at: int) -> int:
    while data[at]:
        at += data[at] + 1
    return at + 1
