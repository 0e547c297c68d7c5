"""Videos of every format are read as they look; whatever is wrong with a file is said."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Blob
from nextgpt_video import decoding, plugin

FRAMES = np.zeros((6, 24, 32, 3), np.uint8)
FRAMES[:, :12] = (255, 0, 0)
for _n in range(6):
    FRAMES[_n, 12:, 4 * _n : 4 * _n + 8] = (0, 0, 255)


def encode(kind: str, codec: str, frames: Any = FRAMES, times: Sequence[int] = ()) -> bytes:
    """A video whose frame n is shown at n (or times[n]) tenths of a second."""
    out = io.BytesIO()
    with av.open(out, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for n, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            if times:
                frame.pts = times[n]
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def gif(frames: Any = FRAMES, duration: Any = 100, **options: Any) -> bytes:
    out = io.BytesIO()
    first, *rest = [Image.fromarray(pixels) for pixels in frames]
    first.save(out, "GIF", save_all=True, append_images=rest, duration=duration, **options)
    return out.getvalue()


def sound_only() -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=16_000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 2048), np.float32), "fltp", "mono")
        frame.sample_rate = 16_000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return out.getvalue()


MP4, WEBM, GIF = encode("mp4", "libx264"), encode("webm", "libvpx-vp9"), gif()


@pytest.mark.parametrize(
    ("data", "closeness"), [(MP4, 40), (WEBM, 40), (GIF, 0)], ids=["mp4", "webm", "gif"]
)
def test_each_format_is_read_frame_for_frame(hook: Any, data: bytes, closeness: float) -> None:
    media = hook.nextgpt_read_media(modality="video", blob=Blob(data, "a"))

    assert media.rate == 10
    assert media.data.shape == FRAMES.shape
    off = np.abs(media.data.astype(int) - FRAMES)
    assert off.mean() <= closeness / 4
    assert off[:, 3, 3].max() <= closeness


@pytest.mark.parametrize("name", ["a.webm", "a", "a.png"])
def test_content_decides_over_the_name(hook: Any, name: str) -> None:
    media = hook.nextgpt_read_media(modality="video", blob=Blob(MP4, name, guess=True))

    assert media.data.shape == FRAMES.shape


@pytest.mark.parametrize("kind", ["mp4", "webm"])
def test_unevenly_timed_frames_are_resampled(hook: Any, kind: str) -> None:
    codec = {"mp4": "libx264", "webm": "libvpx"}[kind]
    data = encode(kind, codec, times=[0, 1, 2, 7, 8, 9])

    media = hook.nextgpt_read_media(modality="video", blob=Blob(data))

    assert media.rate == pytest.approx(10)
    assert len(media.data) == 10
    assert np.array_equal(media.data[2], media.data[6])
    assert not np.array_equal(media.data[6], media.data[7])


def test_a_held_gif_frame_is_repeated(hook: Any) -> None:
    media = hook.nextgpt_read_media(
        modality="video", blob=Blob(gif(FRAMES[:3], duration=[100, 300, 100]))
    )

    assert media.rate == pytest.approx(10)
    assert [int(np.argmax([np.array_equal(f, s) for s in FRAMES])) for f in media.data] == [
        0, 1, 1, 1, 2,
    ]  # fmt: skip


def test_transparency_is_laid_on_white(hook: Any) -> None:
    layers = np.zeros((2, 8, 8, 4), np.uint8)
    layers[0, :4] = (255, 0, 0, 255)
    layers[1, 4:] = (0, 0, 255, 255)

    media = hook.nextgpt_read_media(modality="video", blob=Blob(gif(layers, disposal=2)))

    assert media.data[0, 0, 0].tolist() == [255, 0, 0]
    assert media.data[0, 7, 0].tolist() == [255, 255, 255]
    assert media.data[1, 0, 0].tolist() == [255, 255, 255]


def test_films_are_turned_upright(hook: Any) -> None:
    one = (0x10000).to_bytes(4)
    whole = MP4.index(b"tkhd")
    at = MP4.index(one + bytes(12) + one, whole)
    minus = (-0x10000 & 0xFFFFFFFF).to_bytes(4)
    clockwise = bytes(4) + one + bytes(4) + minus + bytes(4)  # x' = -y, y' = x
    turned = MP4[:at] + clockwise + MP4[at + 20 :]

    media = hook.nextgpt_read_media(modality="video", blob=Blob(turned))
    plain = hook.nextgpt_read_media(modality="video", blob=Blob(MP4))

    assert np.array_equal(media.data, np.rot90(plain.data, k=-1, axes=(1, 2)))


def test_a_still_gif_and_a_sound_are_declined(hook: Any) -> None:
    still = hook.nextgpt_read_media(modality="video", blob=Blob(gif(FRAMES[:1]), "a.gif"))
    sound = hook.nextgpt_read_media(modality="video", blob=Blob(sound_only(), "a.m4a"))
    other = hook.nextgpt_read_media(modality="sonar", blob=Blob(MP4, "a.mp4"))

    assert still is sound is other is None


def test_a_film_name_without_pictures_inside_is_held_to_it(hook: Any) -> None:
    with pytest.raises(MediaError, match="without a picture track"):
        hook.nextgpt_read_media(modality="video", blob=Blob(sound_only(), "a.mp4"))
    with pytest.raises(MediaError, match="content is PNG data"):
        hook.nextgpt_read_media(modality="video", blob=Blob(b"\x89PNG\r\n\x1a\n", "a.webm"))


def test_a_film_of_one_frame_is_read(hook: Any) -> None:
    media = hook.nextgpt_read_media(
        modality="video", blob=Blob(encode("mp4", "libx264", FRAMES[:1]))
    )

    assert media.data.shape == (1, 24, 32, 3)
    assert media.rate == 10


def test_a_large_film_is_scaled_down_to_fit_memory(
    hook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "MEMORY", FRAMES.nbytes // 4)

    media = hook.nextgpt_read_media(modality="video", blob=Blob(MP4))

    assert media.data.shape == (6, 12, 16, 3)


def gif_claiming(width: int, height: int) -> bytes:
    return GIF[:6] + width.to_bytes(2, "little") + height.to_bytes(2, "little") + GIF[10:]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(MP4[:-200], "bytes of box b'moov' are missing", id="torn index"),
        pytest.param(MP4[:400], "bytes of box b'mdat' are missing", id="torn mp4"),
        pytest.param(MP4[:40], "has no index", id="mp4 of a header"),
        pytest.param(WEBM[: len(WEBM) // 2], "bytes are missing", id="torn webm"),
        pytest.param(WEBM[:20], "truncated", id="torn webm header"),
        pytest.param(GIF[: len(GIF) // 2], "ends within a block", id="torn gif"),
        pytest.param(gif_claiming(60_000, 60_000), "3,600,000,000 pixels, more", id="bomb"),
        pytest.param(
            encode("mp4", "libx264", FRAMES[:2], times=[0, 4000]), "seconds, more", id="too long"
        ),
        pytest.param(
            encode("mp4", "mpeg4", np.zeros((3601, 16, 16, 3), np.uint8)),
            "3,601 frames, more",
            id="too many frames",
        ),
    ],
)
def test_damage_and_excess_are_named(hook: Any, data: bytes, said: str) -> None:
    with pytest.raises(MediaError, match=said) as raised:
        hook.nextgpt_read_media(modality="video", blob=Blob(data, "a.mp4"))

    assert raised.value.who == "a.mp4"
    assert raised.value.fix


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_bytes_end_in_a_film_or_a_clear_error(data: st.DataObject) -> None:
    whole = bytearray(data.draw(st.sampled_from([MP4, WEBM, GIF])))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(12, len(whole) - 1))] = data.draw(st.integers(0, 255))

    try:
        media = plugin.nextgpt_read_media("video", Blob(bytes(whole), "a"))
    except MediaError:
        return

    assert media is None or media.data.ndim == 4
