"""Sound of every format is read as it sounds; whatever is wrong with a file is said."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import av
import numpy as np
import pluggy
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from nextgpt_audio import AUDIO, from_array, plugin
from nextgpt_registry import hookspecs
from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Blob, Media

RATE = 16_000
TONE = (0.5 * np.sin(np.arange(RATE // 2) * 2 * np.pi * 440 / RATE)).astype(np.float32)


@pytest.fixture(scope="module")
def hook() -> Any:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin)
    manager.check_pending()
    return manager.hook


def encode(kind: str, samples: Any = TONE, rate: int = RATE, subtype: str | None = None) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=kind, subtype=subtype)
    return out.getvalue()


def wav_header(rate: int = RATE, channels: int = 1, claimed: int | None = None) -> bytes:
    body = bytes(200)
    size = len(body) if claimed is None else claimed
    form = struct.pack("<IHHIIHH", 16, 1, channels, rate, rate * 2 & 0xFFFFFFFF, 2, 16)
    start = b"RIFF" + struct.pack("<I", 236) + b"WAVEfmt " + form
    return start + struct.pack("<4sI", b"data", size) + body


def mp3_without_length() -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", "mp3", options={"write_xing": "0", "id3v2_version": "0"}) as container:
        stream = container.add_stream("mp3", rate=RATE)
        frame = av.AudioFrame.from_ndarray(TONE[None], format="fltp", layout="mono")
        frame.sample_rate = RATE
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return out.getvalue()


@pytest.mark.parametrize(
    ("kind", "subtype", "closeness"),
    [
        ("WAV", "PCM_16", 1e-4),
        ("WAV", "PCM_U8", 1e-2),
        ("WAV", "PCM_24", 1e-6),
        ("WAV", "FLOAT", 0),
        ("FLAC", None, 1e-4),
        ("OGG", "VORBIS", 0.1),
        ("OGG", "OPUS", 0.2),
        ("MP3", None, 0.1),
    ],
)
def test_each_format_is_read_as_it_sounds(
    hook: Any, kind: str, subtype: str | None, closeness: float
) -> None:
    data = encode(kind, subtype=subtype)

    media = hook.nextgpt_read_media(modality="audio", blob=Blob(data, "a"))

    assert media.data.dtype == np.float32
    assert media.rate == RATE
    assert media.data.shape == TONE.shape
    assert np.abs(media.data - TONE)[800:-800].max() <= closeness


def test_mp3_without_a_length_is_read(hook: Any) -> None:
    media = hook.nextgpt_read_media(modality="audio", blob=Blob(mp3_without_length()))

    assert abs(media.data.size - TONE.size) < 4 * 1152


def test_channels_are_mixed_and_the_rate_is_kept(hook: Any) -> None:
    stereo = np.stack([TONE, np.zeros_like(TONE)], axis=1)

    media = hook.nextgpt_read_media(modality="audio", blob=Blob(encode("FLAC", stereo, 44_100)))

    assert media.rate == 44_100
    assert np.abs(media.data - TONE / 2).max() < 1e-4


@pytest.mark.parametrize("name", ["a.mp3", "a", "a.png"])
def test_content_decides_over_the_name(hook: Any, name: str) -> None:
    media = hook.nextgpt_read_media(modality="audio", blob=Blob(encode("WAV"), name))

    assert media.data.shape == TONE.shape


def test_a_streamed_wav_without_sizes_is_read(hook: Any) -> None:
    media = hook.nextgpt_read_media(
        modality="audio", blob=Blob(wav_header(claimed=0xFFFFFFFF), "a.wav")
    )

    assert media.data.shape == (100,)


def test_lossy_overshoot_is_clipped(hook: Any) -> None:
    loud = encode("WAV", TONE * 3, subtype="FLOAT")

    media = hook.nextgpt_read_media(modality="audio", blob=Blob(loud))

    assert media.data.max() == 1


@pytest.mark.parametrize(("name", "mime"), [("a.wav", ""), ("", "audio/mpeg")])
def test_a_name_that_promises_sound_is_held_to_it(hook: Any, name: str, mime: str) -> None:
    with pytest.raises(MediaError, match="content is PNG data"):
        hook.nextgpt_read_media(modality="audio", blob=Blob(b"\x89PNG\r\n\x1a\n", name, mime))


@pytest.mark.parametrize(
    "data", [b"hello", b"\x89PNG\r\n\x1a\n", b"OggS" + bytes(24) + b"\x80theora"]
)
def test_what_nobody_called_sound_is_declined(hook: Any, data: bytes) -> None:
    assert hook.nextgpt_read_media(modality="audio", blob=Blob(data, "a.bin")) is None
    assert hook.nextgpt_read_media(modality="sonar", blob=Blob(data, "a.wav")) is None


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(wav_header(0), "0 Hz", id="no rate"),
        pytest.param(wav_header(50), "sample rate of 50 Hz", id="rate too low"),
        pytest.param(wav_header(10_000_000), "10,000,000 hertz, more than", id="rate too high"),
        pytest.param(wav_header(channels=0), "0 channels", id="no channels"),
        pytest.param(wav_header(claimed=5000), "4800 of the 5000 bytes", id="torn wav"),
        pytest.param(encode("WAV")[:30], "truncated WAV", id="torn wav header"),
        pytest.param(encode("FLAC")[:3000], "truncated FLAC", id="torn flac"),
        pytest.param(encode("OGG")[:3000], "truncated OGG", id="torn ogg"),
        pytest.param(encode("MP3")[:1000], "truncated MP3", id="torn mp3"),
        pytest.param(encode("WAV", TONE[:0]), "no sound", id="no samples"),
        pytest.param(
            encode("WAV", np.array([0, np.nan, 0], np.float32), subtype="FLOAT"),
            "1 samples that are no numbers, the first at 1",
            id="nan",
        ),
        pytest.param(
            encode("WAV", np.array([0, 30_000], np.float32), subtype="FLOAT"),
            "samples up to 30000",
            id="integer scale",
        ),
        pytest.param(
            encode("FLAC", np.zeros(601_000, np.int16), 1000), "601 seconds, more", id="too long"
        ),
    ],
)
def test_damage_and_excess_are_named(hook: Any, data: bytes, said: str) -> None:
    with pytest.raises(MediaError, match=said) as raised:
        hook.nextgpt_read_media(modality="audio", blob=Blob(data, "a.wav"))

    assert raised.value.who == "a.wav"
    assert raised.value.fix


def test_a_claimed_length_is_refused_before_decoding(hook: Any) -> None:
    whole = bytearray(encode("FLAC"))
    whole[22:26] = b"\xff" * 4  # the low bits of STREAMINFO's sample count: 74 hours

    with pytest.raises(MediaError, match="seconds, more than the 600"):
        hook.nextgpt_read_media(modality="audio", blob=Blob(bytes(whole), "a.flac"))


@settings(max_examples=150, deadline=None)
@given(kind=st.sampled_from(["WAV", "FLAC", "OGG"]), data=st.data())
def test_damaged_bytes_end_in_sound_or_a_clear_error(kind: str, data: st.DataObject) -> None:
    whole = bytearray(encode(kind, TONE[:2000]))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(4, len(whole) - 1))] = data.draw(st.integers(0, 255))

    try:
        media = plugin.nextgpt_read_media("audio", Blob(bytes(whole), "a"))
    except MediaError:
        return

    assert media is None or np.abs(media.data).max() <= 1


@pytest.mark.parametrize(
    ("array", "rate", "said"),
    [
        (np.zeros(4, np.int16), RATE, "array of int16, wanted float32"),
        (np.zeros((2, 4), np.float32), RATE, r"shape \(2, 4\)"),
        (np.zeros(0, np.float32), RATE, r"shape \(0,\)"),
        (np.full(4, 2, np.float32), RATE, "samples up to 2"),
        (np.full(4, np.inf, np.float32), RATE, "4 samples that are no numbers"),
        (np.zeros(4, np.float32), 0, "sample rate of 0 Hz"),
        (np.zeros(4, np.float32), float("nan"), "sample rate of nan Hz"),
        (np.zeros(4, np.float32), 1e7, "10,000,000 hertz"),
        (np.zeros(4, np.float32), 8000.5, "rate of 8000.5 Hz"),
    ],
)
def test_arrays_of_another_layout_are_refused(array: Any, rate: float, said: str) -> None:
    with pytest.raises(MediaError, match=said):
        from_array(array, rate)


def test_a_written_sound_reads_back(hook: Any, tmp_path: Path) -> None:
    media = from_array(TONE, RATE)

    path = hook.nextgpt_write_media(media=media, stem=tmp_path / "a.b", suffix=".wav")
    again = hook.nextgpt_read_media(modality="audio", blob=Blob(path.read_bytes()))

    assert path == tmp_path / "a.b.wav"
    assert soundfile.info(path).subtype == "PCM_16"
    assert again.rate == media.rate
    assert np.abs(again.data - TONE).max() < 1e-4


def test_shown_sound_carries_its_samples(hook: Any) -> None:
    shown = hook.nextgpt_show_media(media=from_array(TONE, RATE))

    assert shown.startswith("<audio controls")
    assert "data:audio/wav;base64," in shown


def test_logged_sound_reaches_tensorboard(hook: Any) -> None:
    class Writer:
        def add_audio(self, *args: Any, **options: Any) -> None:
            self.got = args, options

    writer = Writer()

    assert hook.nextgpt_log_media(writer=writer, tag="a", media=from_array(TONE, RATE), step=3)
    assert writer.got[1] == {"sample_rate": RATE}


def test_a_medium_made_from_an_array_is_held_to_the_layout(hook: Any) -> None:
    good = hook.nextgpt_check_media(media=Media("audio", TONE, rate=RATE))

    assert good == from_array(TONE, RATE)
    assert isinstance(good.rate, float)
    with pytest.raises(MediaError, match="wanted"):
        hook.nextgpt_check_media(media=Media("audio", TONE.astype(np.float64), rate=RATE))
    with pytest.raises(MediaError, match="sample rate"):
        hook.nextgpt_check_media(media=Media("audio", TONE))


def test_limits_are_declared() -> None:
    assert {limit.of for limit in AUDIO.limits} == {"bytes", "seconds", "hertz"}
