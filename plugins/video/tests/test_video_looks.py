"""Videos look as their files say: transparency, colours, shape of pixels, orientation, timing."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Blob

WHITE = [255, 255, 255]


def encode(
    codec: str,
    stored: str,
    kind: str = "matroska",
    *,
    colour: tuple[int, ...] = (200, 40, 90),
    size: tuple[int, int] = (32, 48),
    count: int = 3,
    matrix: int = 0,
    full: bool = False,
    shape: str = "",
    muxer: dict[str, str] | None = None,
) -> bytes:
    """A video of one colour, its left half clear where `stored` has an alpha."""
    see_through = any(c.is_alpha for c in av.VideoFormat(stored).components)
    pixels = np.empty((*size, 4), np.uint8)
    pixels[:] = (*colour, 255)[:4]
    pixels[:, : size[1] // 2, 3] = 0
    out = io.BytesIO()
    with av.open(out, "w", format=kind, options=muxer or {}) as container:
        stream = container.add_stream(codec, rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = size
        stream.pix_fmt = stored
        if codec == "libvpx":
            stream.codec_context.options = {"auto-alt-ref": "0"}
        if shape:
            stream.codec_context.sample_aspect_ratio = Fraction(*map(int, shape.split(":")))
        if matrix:
            stream.codec_context.colorspace = matrix
            stream.codec_context.color_range = 2 if full else 1
        for n in range(count):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgba")
            if not see_through:
                frame = frame.reformat(format="rgb24")
            wanted = {1: "ITU709", 6: "ITU601", 9: "BT2020"}.get(matrix)
            frame = frame.reformat(
                format=stored,
                dst_colorspace=wanted,
                dst_color_range=(2 if full else 1) if matrix else None,
            )
            frame.pts = n
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def shown(hook: Any, data: bytes) -> Any:
    media = hook.nextgpt_read_media(modality="video", blob=Blob(data, "a"))
    assert media is not None
    return media.data


@pytest.mark.parametrize(
    ("codec", "stored", "kind"),
    [
        ("libvpx", "yuva420p", "webm"),
        ("libvpx-vp9", "yuva420p", "webm"),
        ("libvpx-vp9", "yuva420p", "matroska"),
        ("prores_ks", "yuva444p10le", "mov"),
        ("png", "rgba", "mov"),
        ("png", "rgba64be", "mov"),
        ("png", "ya8", "mov"),
        ("qtrle", "argb", "mov"),
        ("ffv1", "yuva422p10le", "matroska"),
        ("ffv1", "bgra", "matroska"),
    ],
)
def test_transparency_of_every_codec_is_laid_on_white(
    hook: Any, codec: str, stored: str, kind: str
) -> None:
    grey = (90, 90, 90)

    frames = shown(hook, encode(codec, stored, kind, colour=grey))

    assert frames.shape == (3, 32, 48, 3)
    assert np.abs(frames[:, 8, 4].astype(int) - WHITE).max() <= 3
    assert np.abs(frames[:, 8, 44].astype(int) - grey).max() <= 12


@pytest.mark.parametrize(
    ("codec", "stored", "options"),
    [
        pytest.param("ffv1", "yuv444p", {"matrix": 1}, id="BT.709"),
        pytest.param("ffv1", "yuv444p", {"matrix": 6}, id="BT.601"),
        pytest.param("ffv1", "yuv444p", {"matrix": 1, "full": True}, id="full range"),
        pytest.param("ffv1", "yuv444p10le", {"matrix": 1}, id="10 bits"),
        pytest.param("ffv1", "yuv444p", {}, id="unsaid, small: BT.601"),
        pytest.param("libx264", "yuv420p", {"matrix": 1, "kind": "mp4"}, id="H.264"),
    ],
)
def test_colours_are_those_that_the_file_declares(
    hook: Any, codec: str, stored: str, options: Any
) -> None:
    frames = shown(hook, encode(codec, stored, **options))

    assert np.abs(frames.astype(int) - (200, 40, 90)).max() <= 5


def test_large_films_that_name_no_matrix_are_taken_for_bt709(hook: Any) -> None:
    said = encode("ffv1", "yuv444p", size=(720, 64), count=1, matrix=1)
    tagged = shown(hook, said)
    unsaid = said.replace(b"\x55\xb1\x81\x01", b"\x55\xb1\x81\x02")  # MatrixCoefficients

    untagged = shown(hook, unsaid)

    assert said != unsaid
    assert np.array_equal(tagged, untagged)


def test_high_dynamic_range_is_brought_to_srgb(hook: Any) -> None:
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as container:
        stream = container.add_stream("ffv1", rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.height = stream.width = 32
        stream.pix_fmt = "yuv420p10le"
        context = stream.codec_context
        context.colorspace = context.color_primaries = 9  # BT.2020
        context.color_range, context.color_trc = 1, 16  # PQ
        frame = av.VideoFrame(32, 32, "yuv420p10le")
        for plane, level in zip(frame.planes, (64 + 0.58 * 876, 512, 512), strict=True):
            plane.update(np.full(plane.buffer_size // 2, int(level), np.uint16).tobytes())
        frame.pts = 0
        container.mux([*stream.encode(frame), *stream.encode(None)])

    frames = shown(hook, out.getvalue())

    assert frames.min() > 240  # 203 nits, which is white


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ("2:1", (32, 96)),
        ("1:2", (64, 48)),
        ("16:15", (32, 51)),
        ("1:1", (32, 48)),
        ("99:1", (32, 48)),
    ],
)
@pytest.mark.parametrize("kind", ["mp4", "matroska"])
def test_pixels_that_are_not_square(
    hook: Any, kind: str, shape: str, size: tuple[int, int]
) -> None:
    frames = shown(hook, encode("mpeg4", "yuv420p", kind, shape=shape))

    assert frames.shape[1:3] == size


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_display_matrices_are_honoured(hook: Any, quarters: int, mirrored: bool) -> None:
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:8, :16] = 255
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("png", rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width, stream.pix_fmt = 16, 32, "rgb24"
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    plain = out.getvalue()
    one = 0x10000
    at = plain.index(struct.pack(">i12xi", one, one), plain.index(b"tkhd"))
    cos, sin = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarters]  # clockwise
    flip = -1 if mirrored else 1
    matrix = struct.pack(">iiiii", flip * cos * one, flip * sin * one, 0, -sin * one, cos * one)
    turned = plain[:at] + matrix + plain[at + 20 :]

    frames = shown(hook, turned)

    flipped = pixels[:, ::-1] if mirrored else pixels
    assert np.array_equal(frames[0], np.rot90(flipped, k=-quarters))


def gif(count: int, control: bytes = b"") -> bytes:
    """A video of red and blue by turns, 4 x 4, with one control block before each picture."""
    blocks = []
    for n in range(count):
        codes = [code for _ in range(16) for code in (4, n % 2)] + [5]
        bits = sum(code << 3 * place for place, code in enumerate(codes))
        raw = bits.to_bytes(-(-3 * len(codes) // 8), "little")
        picture = b"\x2c" + struct.pack("<HHHHB", 0, 0, 4, 4, 0) + b"\x02"
        blocks.append(control + picture + bytes([len(raw)]) + raw + b"\0")
    head = b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0x80, 0, 0) + bytes([255, 0, 0, 0, 0, 255])
    return head + b"".join(blocks) + b";"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(gif(3), id="no control block"),
        pytest.param(gif(3).replace(b"GIF89a", b"GIF87a"), id="GIF87a"),
        pytest.param(gif(3, b"\x21\xf9\x04" + bytes(5)), id="no delay"),
        pytest.param(gif(3, b"\x21\xfe\x02hi\0"), id="comments"),
        pytest.param(
            gif(1, b"\x21\xf9\x04\0\x0a\0\0\0")[:-1] + gif(3)[19 + len(gif(1)) - 20 :],
            id="some control blocks",
        ),
    ],
)
def test_every_picture_of_a_gif_is_a_frame(hook: Any, data: bytes) -> None:
    media = hook.nextgpt_read_media(modality="video", blob=Blob(data, "a.gif"))

    assert media.rate == 10
    assert media.data[:, 0, 0].tolist() == [[255, 0, 0], [0, 0, 255], [255, 0, 0]]


@pytest.mark.parametrize(
    ("codec", "kind", "options"),
    [
        ("libx264", "mp4", {"movflags": "frag_keyframe+empty_moov"}),
        ("libx264", "mp4", {"movflags": "frag_keyframe+empty_moov+default_base_moof"}),
        ("libx264", "matroska", {"live": "1"}),
        ("libvpx-vp9", "webm", {"live": "1"}),
    ],
)
def test_streamed_films_without_a_duration(
    hook: Any, codec: str, kind: str, options: dict[str, str]
) -> None:
    media = hook.nextgpt_read_media(
        modality="video", blob=Blob(encode(codec, "yuv420p", kind, muxer=options), "a")
    )

    assert media.data.shape == (3, 32, 48, 3)
    assert media.rate == 10


def test_quicktime_of_before_it_had_a_brand(hook: Any) -> None:
    data = encode("mpeg4", "yuv420p", "mov")
    size = int.from_bytes(data[:4])
    old = (size).to_bytes(4) + b"wide" + bytes(size - 8) + data[size:]

    assert shown(hook, old).shape == (3, 32, 48, 3)


def test_a_frame_that_is_damaged_is_said_to_be(hook: Any) -> None:
    chance = np.random.default_rng(0)
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width, stream.pix_fmt = 96, 128, "yuv420p"
        for _ in range(20):
            pixels = chance.integers(0, 255, (12, 16, 3), np.uint8).repeat(8, 0).repeat(8, 1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    data = bytearray(out.getvalue())
    data[len(data) // 2 : len(data) // 2 + 500] = bytes(500)

    with pytest.raises(MediaError, match="damaged or truncated MP4"):
        shown(hook, bytes(data))


def test_the_cover_of_a_sound_is_no_film(hook: Any) -> None:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=16_000)
        cover = container.add_stream("mjpeg", rate=1)
        assert isinstance(cover, av.VideoStream)
        cover.height, cover.width, cover.pix_fmt = 32, 32, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        wave = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), "fltp", "mono")
        wave.sample_rate = 16_000
        picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
        container.mux([*sound.encode(wave), *sound.encode(None)])
        container.mux([*cover.encode(picture), *cover.encode(None)])

    assert hook.nextgpt_read_media(modality="video", blob=Blob(out.getvalue(), "a.m4a")) is None


def test_the_track_that_is_shown_by_default_is_taken(hook: Any) -> None:
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as container:
        for width in (16, 32):
            track = container.add_stream("ffv1", rate=10)
            assert isinstance(track, av.VideoStream)
            track.height, track.width, track.pix_fmt = 16, width, "yuv420p"
        container.streams[1].disposition = Disposition.default
        for track in container.streams.video:
            frame = av.VideoFrame.from_ndarray(np.zeros((16, track.width, 3), np.uint8))
            container.mux([*track.encode(frame), *track.encode(None)])

    media = hook.nextgpt_read_media(modality="video", blob=Blob(out.getvalue(), "a.mkv"))

    assert media.data.shape == (1, 16, 32, 3)
