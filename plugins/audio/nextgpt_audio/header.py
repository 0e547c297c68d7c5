"""What the containers of sound say of themselves, where the decoder would not complain.

libsndfile reads a WAV that was cut short as a shorter sound, and an Ogg as an empty one.
"""

from __future__ import annotations

import struct

from nextgpt_registry.content import format_of

_STREAMED = 0x7FFF_0000
"""Bytes from which a WAV's size is what programs write that cannot know it yet: FFmpeg 0xFFFFFFFF,
arecord 0x80000000, SoX 0x7FFFF000. Nothing as long is accepted."""
_UNKNOWN = 1 << 62  # samples: libsndfile's length of a FLAC that does not say its own is above
_TAGGED = ("WAV", "FLAC", "AIFF")
_MOST_LINKS = 1000  # each is opened for itself


def untagged(data: bytes) -> bytes:
    """The file less an ID3 tag before a WAV or FLAC, which would be read short by its length."""
    after = _tag_ends(data)
    return data[after:] if after and format_of(data[after : after + 12]) in _TAGGED else data


def links(data: bytes, kind: str) -> list[bytes]:
    """The sounds that a whole file holds one after another; libsndfile reads the first alone.

    What records a radio writes such an Ogg; MP3s are put together by `cat`.

    Raises:
        ValueError: there are too many.
    """
    starts = {"OGG": _ogg_starts, "MP3": _mp3_starts}.get(kind, lambda _: [0])(data)
    if len(starts) > _MOST_LINKS:
        raise ValueError(f"it holds more than {_MOST_LINKS} sounds one after another")
    return [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]


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
    """Whether the first page of an Ogg names a codec of sound (it may hold a video)."""
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
    return _xing(data) >= 0


def _tag_ends(data: bytes, at: int = 0) -> int:
    """Where what follows an ID3 tag at `at` begins; `at` if there is none."""
    if data[at : at + 3] != b"ID3":
        return at
    return (
        at + 10 + sum((byte & 0x7F) << 7 * (3 - n) for n, byte in enumerate(data[at + 6 : at + 10]))
    )


def _xing(data: bytes, at: int = 0) -> int:
    """Where in the first frame of an MP3 the count of the others stands; -1 if nowhere."""
    begins = _tag_ends(data, at)
    found = (data.find(name, begins, begins + 256) for name in (b"Xing", b"Info"))
    return max(found)


def _mp3_starts(data: bytes) -> list[int]:
    """Where each of several MP3s begins: the first frame of each counts the bytes of its own.

    Some encoders count one frame too few, so what follows has to begin with a count or a tag too.
    """
    starts = [0]
    while len(starts) <= _MOST_LINKS:
        counts = _xing(data, starts[-1])
        if counts < 0 or counts + 16 > len(data):
            break
        flags, _, length = struct.unpack_from(">III", data, counts + 4)
        ends = _tag_ends(data, starts[-1]) + length
        ends += 128 if data[ends : ends + 3] == b"TAG" else 0
        again = data[ends : ends + 3] == b"ID3" or _xing(data, ends) >= 0
        if flags & 3 != 3 or not length or format_of(data[ends : ends + 12]) != "MP3" or not again:
            break
        starts.append(ends)
    return starts


def _ogg_starts(data: bytes) -> list[int]:
    """Where each link of a chained Ogg begins: at the page of a new stream, after pages of none."""
    starts: list[int] = []
    at, began = 0, False
    while at < len(data) and data[at : at + 4] == b"OggS" and len(starts) <= _MOST_LINKS:
        begins = bool(data[at + 5] & 2)
        if begins and not began:
            starts.append(at)
        began = begins
        after = at + 27 + data[at + 26]
        at = after + sum(data[at + 27 : after])
    return starts or [0]


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
