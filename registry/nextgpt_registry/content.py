"""What bytes are, by how they begin, and how a file is replaced. Decodes nothing.

Shared by the plugins that read and write media, so that each can say what a refused file holds.
Names are those of file formats; which modality a format belongs to is its plugin's affair.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath

from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Blob
from nextgpt_registry.specs import Modality

_HANDLE = re.compile(r"\s*<_io[^>]*>")  # how decoders name the bytes that they were handed
_FORGOTTEN_S = 3600  # what was written aside and is older is a killed writer's
_STARTS = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"fLaC", "FLAC"),
    (b"OggS", "OGG"),
    (b"ID3", "MP3"),
    (b"RF64", "WAV"),
    (b"BW64", "WAV"),
    (b"riff\x2e\x91\xcf\x11", "W64"),
    (b".snd", "AU"),
    (b"caff", "CAF"),
    (b"FORM", "AIFF"),
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP"),
    (b"\x1f\x8b", "GZIP"),
    (b"\x93NUMPY", "NPY"),
)
_RIFF = {b"WAVE": "WAV", b"WEBP": "WEBP", b"AVI ": "AVI"}
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"mif1": "HEIC", b"M4A ": "M4A"}
_BOXES = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")  # what older QuickTime begins with
_AGAIN = "save or download the file again"
_TEXT = frozenset(range(32, 127)) | {9, 10, 13}


def format_of(data: bytes) -> str:
    """The name of the file format that `data` begins like: "PNG", "WAV", "MP4", …; or ""."""
    for start, name in _STARTS:
        if data.startswith(start):
            return name
    if data[:4] == b"RIFF":
        return _RIFF.get(data[8:12], "RIFF")
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], "MP4")
    if data[4:8] in _BOXES:
        return "MP4"
    if data[:4] == b"\x1a\x45\xdf\xa3":
        return "WEBM" if b"webm" in data[:64] else "MATROSKA"
    if data[:1] == data[188:189] == data[376:377] == b"G":
        return "MPEG-TS"
    return "MP3" if _mpeg_sound(data) else ""


def describe(data: bytes) -> str:
    """What `data` is in words, for an error message."""
    if not data:
        return "nothing (0 bytes)"
    name = format_of(data)
    if name:
        return f"{name} data"
    head = data[:64]
    if all(byte in _TEXT for byte in head):
        return f"text beginning {head[:24].decode('ascii')!r}"
    return f"no known format (it begins {head[:8].hex(' ')})"


def promises(blob: Blob, modality: Modality, *, but: tuple[str, ...] = ()) -> bool:
    """Whether the name or MIME type of `blob` says that it is of this modality.

    `but` lists suffixes and MIME types that other modalities use as well: they promise nothing.
    """
    suffix = PurePath(blob.name).suffix.lower()
    mime = blob.mime.partition(";")[0].strip().lower()
    said = {suffix, mime} - {*but, ""}
    return not said.isdisjoint((*modality.suffixes, *modality.mime))


def is_ours(
    blob: Blob, modality: Modality, found: bool, *, accepted: str = "", but: tuple[str, ...] = ()
) -> bool:
    """Whether a reader is to decode `blob`: `found` says that it begins like the modality's files.

    False is to be declined with None. `accepted` names the formats there are, `but` is that of
    `promises`.

    Raises:
        MediaError: it is empty, over the limit of bytes, or promises to be what it is not.
    """
    who = blob.name or modality.name
    if not blob.data:
        raise MediaError(who, "is empty (0 bytes)", _AGAIN)
    if found:
        check_limit(modality, "bytes", len(blob.data), who=who)
        return True
    if promises(blob, modality, but=but):
        raise MediaError(
            who,
            f"is said to be of the modality {modality.name!r} ({blob.mime or blob.name}), its "
            f"content is {describe(blob.data)}",
            f"give {accepted or modality.suffixes[0]}, or pass it as what it is",
        )
    return False


@contextmanager
def decoding(blob: Blob, modality: Modality, kind: str = "") -> Iterator[None]:
    """What decoding damaged bytes raises, which is almost anything, becomes a `MediaError`."""
    try:
        yield
    except MediaError:
        raise
    except Exception as error:
        who, said = blob.name or modality.name, _HANDLE.sub("", str(error)).strip()
        what = f"is a damaged or truncated {kind or modality.name}: {said}"
        raise MediaError(who, what, _AGAIN) from error


def check_limit(modality: Modality, of: str, found: float, *, who: str) -> None:
    """Raise when `found` is more than the modality's declared limit.

    Raises:
        MediaError: it is.
    """
    most = modality.limit(of)
    if found > most:
        raise MediaError(
            who,
            f"has {_number(found)} {of}, more than the {_number(most)} accepted of {modality.name}",
            f"give one of at most {_number(most)} {of}",
        )


def replace_file(path: Path, data: bytes) -> Path:
    """Write `data` aside, then rename it to `path`: no reader ever sees half a file.

    Raises:
        MediaError: the folder cannot be written to, or is full.
    """
    aside = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = aside.open("xb")
        except FileExistsError:  # of a writer that lives, or of one that was killed
            if time.time() - aside.stat().st_mtime > _FORGOTTEN_S:
                aside.unlink()
            aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
            file = aside.open("xb")
        with file:
            file.write(data)
        aside.replace(path)
    except OSError as error:
        raise MediaError(
            str(path), f"cannot be written: {error}", "choose another folder, or free space in it"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            aside.unlink()
    return path


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,.2f}"


def _mpeg_sound(data: bytes) -> bool:
    """Whether a frame of MPEG layer III begins here: sync, version, layer and rates all valid."""
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
        return False
    version, layer = data[1] >> 3 & 3, data[1] >> 1 & 3
    return version != 1 and layer == 1 and data[2] >> 4 not in (0, 15) and data[2] >> 2 & 3 != 3
