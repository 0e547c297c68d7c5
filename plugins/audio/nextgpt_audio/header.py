"""What the containers of sound say of themselves, where the decoder would not complain.

libsndfile reads a WAV that was cut short as a shorter sound, and an Ogg as an empty one.
"""

from __future__ import annotations

import struct

_STREAMED = 0x7FFF_0000
"""Bytes from which a WAV's size is what programs write that cannot know it yet: FFmpeg 0xFFFFFFFF,
arecord 0x80000000, SoX 0x7FFFF000. Nothing as long is accepted."""
_UNKNOWN = 1 << 62  # samples: libsndfile's length of a FLAC that does not say its own is above


def whole(data: bytes, kind: str) -> bytes:
    """The file as libsndfile is to read it: a WAV that was streamed gets the sizes that it has.

    Raises:
        ValueError: its end is missing, or its rate is impossible; the message says which.
    """
    try:
        if kind == "WAV" and data[:4] in (b"RIFF", b"RF64", b"BW64"):
            return _whole_wav(data)
        if kind == "OGG":
            _check_ogg(data)
    except (struct.error, IndexError) as error:
        raise ValueError("it ends within a header") from error
    return data


def is_exact(data: bytes, kind: str, samples: int) -> bool:
    """Whether `samples`, as libsndfile tells, is the length of a file, and no guess."""
    return samples < _UNKNOWN and (kind != "MP3" or _counts_frames(data))


def ogg_holds_sound(data: bytes) -> bool:
    """Whether the first page of an Ogg names a codec of sound (it may hold a film)."""
    head = data[:96]
    return any(name in head for name in (b"vorbis", b"OpusHead", b"FLAC", b"Speex"))


def _whole_wav(data: bytes) -> bytes:
    at, long = 12, 0
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        at += 8
        if name == b"ds64":  # of a WAV that may pass 4 GB
            (long,) = struct.unpack_from("<Q", data, at + 8)
        if name == b"fmt ":
            _, channels, rate = struct.unpack_from("<HHI", data, at)
            if not rate or not channels:
                raise ValueError(f"its header says {rate} Hz and {channels} channels")
        if name == b"data":
            held = len(data) - at
            if size == 0xFFFF_FFFF and 0 < long < 1 << 62:
                size = long
            if size >= _STREAMED or (size == 0 and not _chunks_follow(data, at)):
                size = held
            if size > held:
                raise ValueError(f"{size - held} of the {size} bytes of sound are missing")
            return b"RIFF" + _number(len(data) - 8) + data[8 : at - 4] + _number(size) + data[at:]
        at += size + size % 2
    raise ValueError("it has no data chunk")


def _number(count: int) -> bytes:
    return struct.pack("<I", count)


def _chunks_follow(data: bytes, at: int) -> bool:
    """Whether from `at` to the end there are chunks, or nothing: then a size of 0 is the truth."""
    while at + 8 <= len(data):
        _, size = struct.unpack_from("<4sI", data, at)
        if not data[at : at + 4].decode("latin-1").isprintable():
            return False
        at += 8 + size + size % 2
    return at >= len(data)


def _counts_frames(data: bytes) -> bool:
    """Whether the first frame of an MP3 is a header that counts the others, as LAME writes it."""
    at = 0
    if data[:3] == b"ID3":
        at = 10 + sum((byte & 0x7F) << 7 * (3 - n) for n, byte in enumerate(data[6:10]))
    first = data[at : at + 256]
    return b"Xing" in first or b"Info" in first


def _check_ogg(data: bytes) -> None:
    at, seen_last = 0, False
    while at < len(data):
        if data[at : at + 4] != b"OggS":
            if seen_last:  # tags that some programs append
                return
            raise ValueError("a page is damaged")
        seen_last = bool(data[at + 5] & 4)
        segments = data[at + 26]
        end = at + 27 + segments
        end += sum(data[at + 27 : end])
        if end > len(data):
            raise ValueError("its last page is cut short")
        at = end
