"""What the containers of sound say of themselves, where the decoder would not complain.

libsndfile reads a WAV that was cut short as a shorter sound, and an Ogg as an empty one.
"""

from __future__ import annotations

import struct

_STREAMED = (0, 0xFFFFFFFF)  # sizes that a program writing to a pipe leaves in a WAV


def check_whole(data: bytes, kind: str) -> None:
    """Look for a missing end and an impossible rate.

    Raises:
        ValueError: there is one; the message says which.
    """
    try:
        if kind == "WAV" and data[:4] == b"RIFF":
            _check_wav(data)
        elif kind == "OGG":
            _check_ogg(data)
    except (struct.error, IndexError) as error:
        raise ValueError("it ends within a header") from error


def ogg_holds_sound(data: bytes) -> bool:
    """Whether the first page of an Ogg names a codec of sound (it may hold a film)."""
    head = data[:96]
    return any(name in head for name in (b"vorbis", b"OpusHead", b"FLAC", b"Speex"))


def _check_wav(data: bytes) -> None:
    at = 12
    while at < len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        at += 8
        if name == b"fmt ":
            _, channels, rate = struct.unpack_from("<HHI", data, at)
            if not rate or not channels:
                raise ValueError(f"its header says {rate} Hz and {channels} channels")
        if name == b"data":
            held = len(data) - at
            if size > held and size not in _STREAMED:
                raise ValueError(f"{size - held} of the {size} bytes of sound are missing")
            return
        at += size + size % 2
    raise ValueError("it has no data chunk")


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
