"""Sound of programs that could not know its length, and of every sample format, is read whole."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
import soundfile

from nextgpt_audio import AUDIO, plugin
from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Blob, Media

RATE = 8000
TONE = (0.5 * np.sin(np.arange(2000) * 0.05)).astype(np.float32)


def encode(kind: str, wave: Any = TONE, rate: int = RATE, **options: Any) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, wave, rate, format=kind, **options)
    return out.getvalue()


def read(data: bytes, name: str = "a") -> Media:
    media = plugin.nextgpt_read_media("audio", Blob(data, name))
    assert media is not None
    return media


WAV = encode("WAV", subtype="PCM_16")
DATA = WAV.index(b"data")


def wav_saying(size: int, *, whole: int = 0xFFFFFFFF, data: bytes = WAV) -> bytes:
    sizes = struct.pack("<I", whole), struct.pack("<I", size)
    return data[:4] + sizes[0] + data[8 : DATA + 4] + sizes[1] + data[DATA + 8 :]


def rf64(long: int, *, name: bytes = b"RF64", cut: int = 0) -> bytes:
    sizes = b"ds64" + struct.pack("<IQQQI", 28, 0, long, 0, 0)
    head = name + b"\xff" * 4 + b"WAVE" + sizes + WAV[12 : DATA + 4] + b"\xff" * 4
    return head + WAV[DATA + 8 : len(WAV) - cut]


def flac_of_unknown_length(data: bytes) -> bytes:
    """The total in STREAMINFO, 36 bits, and the checksum after it are 0, as when piped."""
    return data[:21] + bytes([data[21] & 0xF0]) + bytes(4 + 16) + data[42:]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(wav_saying(0), id="0"),
        pytest.param(wav_saying(0, whole=0), id="0 throughout"),
        pytest.param(wav_saying(0xFFFFFFFF), id="FFmpeg"),
        pytest.param(wav_saying(0xFFFFFFFF - 36), id="less the header"),
        pytest.param(wav_saying(0x80000000), id="arecord"),
        pytest.param(wav_saying(0x7FFFF000), id="SoX"),
        pytest.param(wav_saying(0x7FFFFFFF), id="the greatest of 31 bits"),
        pytest.param(wav_saying(0xFFFFFFFF) + b"\1", id="half a sample over"),
        pytest.param(rf64(4000), id="RF64"),
        pytest.param(rf64(0), id="RF64 streamed"),
        pytest.param(rf64((1 << 64) - 1), id="RF64 streamed, as others say it"),
        pytest.param(rf64(4000, name=b"BW64"), id="BW64"),
        pytest.param(encode("W64", subtype="PCM_16"), id="W64"),
        pytest.param(encode("AIFF", subtype="PCM_16"), id="AIFF"),
    ],
)
def test_sound_whose_length_is_not_said_is_read_to_its_end(data: bytes) -> None:
    media = read(data)

    assert media == read(WAV)


def test_a_flac_that_does_not_say_its_length_is_read_to_its_end() -> None:
    data = encode("FLAC", subtype="PCM_16")

    assert read(flac_of_unknown_length(data)) == read(data)


def test_a_wav_that_says_it_holds_nothing_and_does_is_empty() -> None:
    tags = b"LIST" + struct.pack("<I", 4) + b"INFO"

    for after in (b"", tags):
        with pytest.raises(MediaError, match="holds no sound"):
            read(wav_saying(0, data=WAV[: DATA + 8]) + after)


def test_an_rf64_that_was_cut_short_is_said_to_be() -> None:
    with pytest.raises(MediaError, match="100 of the 4000 bytes of sound are missing"):
        read(rf64(4000, cut=100))


@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
def test_limits_hold_while_sound_of_unknown_length_is_decoded(kind: str) -> None:
    long = np.zeros(601 * 1000, np.float32)
    data = encode(kind, long, 1000, subtype="PCM_16")
    streamed = flac_of_unknown_length(data) if kind == "FLAC" else wav_saying(0, data=data)

    with pytest.raises(MediaError, match=r"seconds, more than the 600 accepted") as raised:
        read(streamed)

    assert "576," not in str(raised.value)


def test_an_mp3_without_a_count_of_frames_is_read_to_its_end() -> None:
    quiet, loud = np.zeros(20_000, np.float32), np.random.default_rng(0).uniform(-1, 1, 20_000)
    pieces = [
        encode("MP3", wave, compression_level=level, bitrate_mode="CONSTANT")
        for wave, level in ((quiet, 0.99), (loud.astype(np.float32), 0.0))
    ]
    bare = [piece[piece.index(piece[:3], 4) :] for piece in pieces]  # less the frame that counts

    media = read(b"".join(bare))
    alone = [len(read(piece).data) for piece in bare]

    assert abs(len(media.data) - sum(alone)) <= 4 * 1152


def test_an_mp3_that_was_cut_short_is_said_to_be() -> None:
    data = encode("MP3", np.tile(TONE, 20))

    with pytest.raises(MediaError, match="samples are missing"):
        read(data[: len(data) // 2])


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize(
    "subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"]
)
def test_every_sample_format_and_number_of_channels(subtype: str, channels: int) -> None:
    wave = np.repeat(TONE[:, None], channels, axis=1)

    media = read(encode("WAV", wave, subtype=subtype))

    off = {"PCM_U8": 0.01, "ULAW": 0.02, "ALAW": 0.02}.get(subtype, 1e-4)
    assert media.data.shape == TONE.shape
    assert np.abs(media.data - TONE).max() < off


def test_samples_that_an_opus_encoder_primes_with_are_left_out() -> None:
    wave = np.tile(TONE, 8)

    media = read(encode("OGG", wave, subtype="OPUS"))

    assert len(media.data) == len(wave)
    assert np.abs(media.data[200:-200] - wave[200:-200]).mean() < 0.05


def test_suffixes_of_the_formats_are_known() -> None:
    assert {".w64", ".aiff", ".wav", ".flac"} <= set(AUDIO.suffixes)


def test_every_link_of_a_chained_ogg_is_read() -> None:
    vorbis, opus = encode("OGG", np.tile(TONE, 4)), encode("OGG", np.tile(TONE, 4), subtype="OPUS")

    for one, more in ((vorbis, vorbis), (opus, opus), (vorbis, opus)):
        media = read(one + more)

        assert media.data.tolist() == [*read(one).data, *read(more).data]


def test_a_chained_ogg_whose_rate_changes_is_refused() -> None:
    with pytest.raises(MediaError, match="its rate changes from 8000 to 16000 Hz"):
        read(encode("OGG") + encode("OGG", rate=16_000))


def test_limits_hold_for_all_links_together() -> None:
    minute = encode("OGG", np.zeros(60 * RATE, np.float32))

    with pytest.raises(MediaError, match="660 seconds, more than the 600 accepted"):
        read(minute * 11)
    with pytest.raises(MediaError, match="more than 1000 sounds"):
        read(encode("OGG", TONE[:1]) * 1001)


@pytest.mark.parametrize("tag", [b"", b"TAG" + bytes(125)], ids=["bare", "ID3v1"])
@pytest.mark.parametrize("before", [b"", b"ID3\3\0\0\0\0\0\x0a" + bytes(10)], ids=["bare", "ID3v2"])
def test_mp3s_put_together_are_all_read(tag: bytes, before: bytes) -> None:
    one = before + encode("MP3", np.tile(TONE, 8)) + tag

    media = read(one * 3)

    assert media.data.tolist() == 3 * read(one).data.tolist()


def test_an_mp3_that_counts_a_frame_too_few_is_no_two() -> None:
    data = encode("MP3", np.tile(TONE, 8), compression_level=0.5, bitrate_mode="CONSTANT")
    frame = data.index(data[:3], 4)
    at = max(data.find(b"Info"), data.find(b"Xing")) + 12
    (counted,) = struct.unpack_from(">I", data, at)

    media = read(data[:at] + struct.pack(">I", counted - frame) + data[at + 4 :])

    assert media.data.tolist() == read(data).data.tolist()


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "AIFF"])
def test_a_tag_before_other_sounds_costs_none_of_their_samples(kind: str) -> None:
    data = encode(kind, subtype="PCM_16")

    tagged = read(b"ID3\3\0\0\0\0\0\x64" + bytes(100) + data)

    assert tagged.data.tolist() == read(data).data.tolist()


def test_a_wav_of_another_codec_is_told_by_the_decoders_words() -> None:
    data = WAV[:20] + struct.pack("<H", 0x028F) + WAV[22:]  # G.722

    with pytest.raises(MediaError, match=r"Error opening: \w+"):
        read(data)
