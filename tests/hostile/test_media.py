"""Media that nobody should send, from every source: the right value, or one clear refusal."""

from __future__ import annotations

import base64
import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import av
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from nextgpt_audio import plugin as audio
from nextgpt_core.intake.reading import Reader
from nextgpt_image import plugin as image
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.errors import MediaError, RequestError
from nextgpt_registry.messages import MediaPart
from nextgpt_video import plugin as video

CHANNELS = ("image", "audio", "video")
CATALOG = Catalog.of({"image": image, "audio": audio, "video": video})
READER = Reader(CATALOG, {name: name for name in CHANNELS})
pytestmark = pytest.mark.timeout(60)

PIXELS = np.zeros((6, 8, 3), np.uint8)
PIXELS[:, :4] = (255, 0, 0)
WAVE = (0.5 * np.sin(np.arange(4000) * 0.05)).astype(np.float32)


def picture(kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(PIXELS).save(out, kind, **options)
    return out.getvalue()


def sound(kind: str = "WAV", **options: Any) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, WAVE, 8000, format=kind, **options)
    return out.getvalue()


def film(codec: str = "mpeg4", kind: str = "mp4", **muxer: str) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format=kind, options=muxer) as container:
        stream = container.add_stream(codec, rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width, stream.pix_fmt = 16, 32, "yuv420p"
        for n in range(4):
            pixels = np.full((16, 32, 3), 60 * n, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return out.getvalue()


PNG, WAV, MP4 = picture(), sound(), film()
GIF = picture("GIF")
WHOLE = {
    "PNG": PNG,
    "JPEG": picture("JPEG"),
    "WEBP": picture("WEBP"),
    "GIF": GIF,
    "WAV": WAV,
    "FLAC": sound("FLAC"),
    "OGG": sound("OGG"),
    "MP3": sound("MP3"),
    "MP4": MP4,
    "MKV": film("mpeg4", "matroska"),
    "WEBM": film("libvpx-vp9", "webm"),
}


def shape(part: Any) -> tuple[str, tuple[int, ...]]:
    assert isinstance(part, MediaPart)
    assert part.media is not None
    return part.channel, part.media.data.shape


# --- what a name promises -------------------------------------------------------------------------

IMAGE, AUDIO, VIDEO = ("image", (6, 8, 3)), ("audio", (4000,)), ("video", (4, 16, 32, 3))
FILES: dict[str, tuple[str, bytes, Any]] = {
    "capital suffix": ("A.PNG", PNG, IMAGE),
    "no suffix, picture": ("picture", PNG, IMAGE),
    "no suffix, sound": ("sound", WAV, AUDIO),
    "no suffix, video": ("video", MP4, VIDEO),
    "no suffix, still GIF": ("gif", GIF, IMAGE),
    "hidden": (".png", PNG, IMAGE),
    "as browsers save JPEG": ("a.jfif", picture("JPEG"), IMAGE),
    "as old programs save WAV": ("a.WAVE", WAV, AUDIO),
    "animated PNG's suffix": ("a.apng", PNG, IMAGE),
    "JPEG called PNG": ("a.png", picture("JPEG"), IMAGE),
    "FLAC called WAV": ("a.wav", sound("FLAC"), AUDIO),
    "Matroska called MP4": ("a.mp4", WHOLE["MKV"], VIDEO),
    "percent": ("50%25.png", PNG, IMAGE),
    "line break": ("a\nb.png", PNG, IMAGE),
    "other script": ("\u732b\u0301.png", PNG, IMAGE),
    "invalid UTF-8": (os.fsdecode(b"\xff.png"), PNG, IMAGE),
    "equals": ("image=1.png", PNG, IMAGE),
    "dash": ("-rf.png", PNG, IMAGE),
    "space at its end": ("a.png ", PNG, "suffix '.png '"),
    "two suffixes": ("a.png.bak", PNG, "suffix '.bak'"),
    "sound called a picture": ("a.png", WAV, "content is WAV data"),
    "video called sound": ("a.wav", MP4, "content is MP4 data"),
    "text called a video": ("a.mp4", b"hello", "content is text beginning 'hello'"),
    "nothing": ("a.png", b"", "is empty (0 bytes)"),
    "nothing, no suffix": ("a", b"", "is empty (0 bytes)"),
    "zeros": ("a.wav", bytes(5000), "no known format"),
    "page of an error": ("a.png", b"<!DOCTYPE html><html>404", "text beginning"),
    "TIFF": ("a", b"II*\0" + bytes(40), "is TIFF data"),
    "MPEG-TS": ("a", (b"G" + bytes(187)) * 4, "is MPEG-TS data"),
    "AU": ("a.wav", b".snd" + bytes(40), "AU data"),
    "AVI": ("a.mp4", b"RIFF\x10\0\0\0AVI LIST" + bytes(20), "AVI data"),
}


@pytest.mark.parametrize(("name", "data", "right"), FILES.values(), ids=FILES)
def test_files(expect: Any, tmp_path: Path, name: str, data: bytes, right: Any) -> None:
    path = tmp_path / name
    path.write_bytes(data)

    if isinstance(right, str):
        expect.refusal(lambda: READER.argument(str(path)), right, error=MediaError)
    else:
        expect.answer(lambda: shape(READER.argument(str(path))), right)


# --- where it lies --------------------------------------------------------------------------------


def named(folder: Path, name: str) -> Path:
    (folder / name).write_bytes(PNG)
    return folder / name


def pipe(folder: Path) -> str:
    os.mkfifo(folder / "pipe.png")
    return str(folder / "pipe.png")


def dangling(folder: Path) -> str:
    (folder / "link.png").symlink_to("gone.png")
    return str(folder / "link.png")


def looping(folder: Path) -> str:
    (folder / "loop.png").symlink_to("loop.png")
    return str(folder / "loop.png")


def encoded(data: bytes = PNG) -> str:
    return base64.b64encode(data).decode()


PLACES: dict[str, tuple[str | Callable[[Path], str], Any]] = {
    "web": ("http://h/a.png", "addresses are not fetched"),
    "web, named": ("image=https://h/a.png?b=c", "addresses are not fetched"),
    "web, a query": ("https://h/?name=a.png", "addresses are not fetched"),
    "store": ("s3://bucket/a.png", "addresses are not fetched"),
    "another machine's file": ("file://host/a.png", "addresses are not fetched"),
    "file's address, one slash": (lambda folder: f"file:{named(folder, 'a b.png')}", IMAGE),
    "file's address, named": (lambda folder: f"image=FILE:{named(folder, 'a b.png')}", IMAGE),
    "file's address, encoded": (
        lambda folder: named(folder, "a b.png").as_uri().replace("///", "//localhost/"),
        IMAGE,
    ),
    "a query of its own": ("file:/nowhere/a.png?b=c", "no such file"),
    "pipe": (pipe, "is a pipe"),
    "dangling link": (dangling, "gone.png, which is not there"),
    "loop of links": (looping, "levels of symbolic links"),
    "endless device": ("image=/dev/zero", "is a device"),
    "empty device": ("image=/dev/null", "is a device"),
    "terminal": ("image=/dev/tty", "device"),
    "folder": (str, "is a folder"),
    "under a file": (lambda folder: f"{__file__}/a.png", "cannot be read"),
    "process's memory": ("image=/proc/self/mem", ""),
    "log of the kernel": ("image=/proc/kmsg", ""),
    "empty": ("", "is empty"),
    "empty, named": ("audio=", "is empty"),
    "nothing there": ("none.png", "no such file"),
    "300 letters": ("a" * 300 + ".png", "too long"),
    "data": (f"data:image/png;base64,{encoded()}", IMAGE),
    "data, named": (f"image=data:;base64,{encoded()}", IMAGE),
    "data in capitals": (f"DATA:IMAGE/PNG;BASE64,{encoded()}", IMAGE),
    "data, base64 before another word": (f"data:image/png;base64;name=a,{encoded()}", IMAGE),
    "data, a comma in quotes": (f'data:image/png;name="a,b";base64,{encoded()}', IMAGE),
    "data, percent in base64": (f"data:;base64,{quote(encoded(), safe='')}", IMAGE),
    "data, unpadded": (f"data:image/png;base64,{encoded().rstrip('=')}", IMAGE),
    "data of URLs": (
        "data:image/png;base64," + encoded().replace("+", "-").replace("/", "_"),
        IMAGE,
    ),
    "data in lines": ("data:image/png;base64,\n" + base64.encodebytes(PNG).decode(), IMAGE),
    "data, type of another": (f"data:audio/wav;base64,{encoded()}", "content is PNG data"),
    "data, no type": (f"data:;base64,{encoded(WAV)}", AUDIO),
    "data cut short": (f"data:image/png;base64,{encoded()[:40]}", "PNG"),
    "data that is none": ("data:image/png;base64,%%%", "data URL"),
    "data without a comma": ("image=data:image/png", "no comma"),
    "data of nothing": ("data:image/png;base64,", "is empty"),
}


@pytest.mark.parametrize(("given", "right"), PLACES.values(), ids=PLACES)
def test_places(
    expect: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: Any, right: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    text = given(tmp_path) if callable(given) else given

    if isinstance(right, str):
        refusals = (MediaError, RequestError)
        expect.refusal(lambda: READER.argument(text), right, error=refusals)
    else:
        expect.answer(lambda: shape(READER.argument(text)), right)


# --- arrays ---------------------------------------------------------------------------------------

SQUARE = np.zeros((4, 5, 3), np.uint8)
PICTURE, VIDEO = ("image", (4, 5, 3)), ("video", (2, 4, 5, 3))
BIG = WAVE.astype(">f4")
ARRAYS: dict[str, tuple[str, Any, Any]] = {
    "numpy integer rate": ("audio", (WAVE, np.int64(8000)), AUDIO),
    "numpy float rate": ("audio", (WAVE, np.float32(8000)), AUDIO),
    "rate of no dimension": ("audio", (WAVE, np.array(8000)), AUDIO),
    "big-endian": ("audio", (BIG, 8000), AUDIO),
    "backwards": ("audio", (WAVE[::-1], 8000), AUDIO),
    "every other": ("audio", (np.repeat(WAVE, 2)[::2], 8000), AUDIO),
    "picture, transposed view": ("image", SQUARE.transpose(1, 0, 2), ("image", (5, 4, 3))),
    "picture, Fortran order": ("image", np.asfortranarray(SQUARE), PICTURE),
    "picture, mirrored view": ("image", SQUARE[:, ::-1], ("image", (4, 5, 3))),
    "rate of a bool": ("audio", (WAVE, True), "content is a tuple"),
    "rate of text": ("audio", (WAVE, "8000"), "content is a tuple"),
    "rate of none": ("audio", WAVE, "without a sample rate"),
    "rate of NaN": ("audio", (WAVE, np.nan), "nan Hz"),
    "rate below zero": ("audio", (WAVE, np.int64(-1)), "-1 Hz"),
    "rate of a fraction": ("audio", (WAVE, 8000.5), "8000.5 Hz"),
    "rate beyond floats": ("audio", (WAVE, 10**400), "inf Hz"),
    "int16": ("audio", ((WAVE * 32767).astype(np.int16), 8000), AUDIO),
    "float64": ("audio", (WAVE.astype(float), 8000), AUDIO),
    "stereo": ("audio", (np.stack([WAVE, WAVE]), 8000), AUDIO),
    "no dimension": ("audio", (np.float32(0), 8000), "shape ()"),
    "no samples": ("audio", (WAVE[:0], 8000), "shape (0,)"),
    "NaN": ("audio", (np.full(4, np.nan, np.float32), 8000), "no numbers"),
    "channels first": ("image", np.zeros((3, 4, 5), np.uint8), PICTURE),
    "grey": ("image", SQUARE[..., 0], PICTURE),
    "alpha": ("image", np.zeros((4, 5, 4), np.uint8), PICTURE),
    "floats": ("image", SQUARE.astype(np.float32), PICTURE),
    "bools": ("image", SQUARE.astype(bool), PICTURE),
    "16 bits": ("image", SQUARE.astype(np.uint16), PICTURE),
    "no rows": ("image", SQUARE[:0], "shape (0, 5, 3)"),
    "video, no rate": ("video", SQUARE[None], "without a rate"),
    "video, rate of 0": ("video", (SQUARE[None], np.int32(0)), "rate of 0"),
    "video, channels first": ("video", (np.zeros((2, 3, 4, 5), np.uint8), 8), VIDEO),
    "video of one picture": ("video", (SQUARE, 8), "shape (4, 5, 3)"),
    "objects": ("image", np.full((4, 5, 3), None), "object, wanted uint8"),
    "records": ("image", np.zeros((4, 5), "u1,u1,u1"), "wanted uint8"),
    "list": ("image", SQUARE.tolist(), "content is a list"),
}


@pytest.mark.parametrize(("channel", "content", "right"), ARRAYS.values(), ids=ARRAYS)
def test_arrays(expect: Any, channel: str, content: Any, right: Any) -> None:
    if isinstance(right, str):
        expect.refusal(lambda: READER.parts([(channel, content)]), right)
    else:
        expect.answer(lambda: shape(READER.parts([(channel, content)])[0]), right)


# --- damage ---------------------------------------------------------------------------------------

CUT_AT = (4, 11, 20, 33, 47, 60, 99, 200)


@pytest.mark.filterwarnings("ignore")  # libraries remark on damage that they read all the same
@pytest.mark.parametrize("kind", WHOLE)
def test_files_cut_short(expect: Any, kind: str) -> None:
    for at in (*CUT_AT, len(WHOLE[kind]) // 2, len(WHOLE[kind]) - 30):
        for channel in CHANNELS:
            data = WHOLE[kind][:at]
            if len(data) < len(WHOLE[kind]):
                expect.clean(lambda c=channel, d=data: READER.parts([(c, d)]))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("more", [b"\0", b"\0" * 500, b"garbage " * 20, PNG, WAV], ids=len)
def test_files_with_something_after_them(expect: Any, kind: str, more: bytes) -> None:
    def act() -> Any:
        channel = "image" if kind in ("PNG", "JPEG", "WEBP", "GIF") else None
        channel = channel or ("audio" if kind in ("WAV", "FLAC", "OGG", "MP3") else "video")
        return READER.parts([(channel, WHOLE[kind] + more)])

    expect.clean(act)


@pytest.mark.filterwarnings("ignore")
@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(kind=st.sampled_from(sorted(WHOLE)), data=st.data())
def test_files_with_bytes_turned(expect: Any, kind: str, data: st.DataObject) -> None:
    whole = bytearray(WHOLE[kind])
    for _ in range(data.draw(st.integers(1, 5))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))

    for channel in CHANNELS:
        expect.clean(lambda c=channel: READER.parts([(c, bytes(whole))]))


def png_chunks(*chunks: tuple[bytes, bytes]) -> bytes:
    """The picture with these chunks after its header."""
    made = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    return PNG[:33] + b"".join(made) + PNG[33:]


ODD_PNG: dict[str, bytes] = {
    "profile of garbage": png_chunks((b"iCCP", b"a\0\0" + zlib.compress(b"garbage"))),
    "profile of nothing": png_chunks((b"iCCP", b"a\0\0" + zlib.compress(b""))),
    "profile that does not unpack": png_chunks((b"iCCP", b"a\0\0garbage")),
    "two shapes of pixels": png_chunks(*[(b"pHYs", struct.pack(">IIB", 1, n, 0)) for n in (1, 1)]),
    "pixels without end": png_chunks((b"pHYs", struct.pack(">IIB", 1, 0xFFFFFFFF, 0))),
    "pixels of nothing": png_chunks((b"pHYs", struct.pack(">IIB", 0, 0, 0))),
    "gamma of nothing": png_chunks((b"gAMA", bytes(4))),
    "gamma without end": png_chunks((b"gAMA", b"\xff" * 4)),
    "orientation of garbage": png_chunks((b"eXIf", b"MM\0*garbage")),
    "orientation 99": png_chunks((b"eXIf", b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\x63\0\0")),
    "chunk of nobody": png_chunks((b"zzZz", b"?")),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("data", ODD_PNG.values(), ids=ODD_PNG)
def test_pictures_that_say_nonsense_of_themselves(expect: Any, data: bytes) -> None:
    expect.answer(lambda: READER.parts([("image", data)])[0].media.data.tolist(), PIXELS.tolist())  # type: ignore[union-attr]
