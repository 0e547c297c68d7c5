"""Sound from bytes and arrays, and back to WAV. Knows nothing about models."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import soundfile

from nextgpt_audio.header import is_exact, links, ogg_holds_sound, untagged, whole
from nextgpt_audio.modality import AUDIO, FORMATS, LOWEST_RATE
from nextgpt_registry.arrays import array_and_rate
from nextgpt_registry.content import check_limit, decoding, format_of, is_ours
from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Blob, Media

_BLOCK = 1 << 18  # frames decoded at a time: many channels never need much memory
_CHANNELS = 8  # the most of a sound; an array of more is something else
_OVERSHOOT = 4.0  # lossy codecs pass 1 by a little; beyond this the samples have another scale
_MP3_SLACK = 4 * 1152  # samples that encoder and decoder may hold back


class _Forward(soundfile.SoundFile):
    """Read from start to end: soundfile seeks after a read, and a FLAC of unknown length cannot."""

    def seekable(self) -> bool:
        """No."""
        return False


def read(blob: Blob) -> Media | None:
    """The sound in `blob`, downmixed, at its own rate; None when it holds something else.

    Raises:
        MediaError: empty, damaged, over a limit, or named as sound without being any.
    """
    data = untagged(blob.data)
    kind = format_of(data)
    found = kind in FORMATS and (kind != "OGG" or ogg_holds_sound(data))
    if not is_ours(blob, AUDIO, found, accepted=", ".join(FORMATS)):
        return None
    with decoding(blob, AUDIO, kind):
        wave, rate = _decode(data, kind, blob.name or AUDIO.name)
    return Media(AUDIO.name, wave, float(rate), source=blob.name)


def from_array(array: Any, rate: float | None, *, source: str = "") -> Media:
    """A sound from float32 (N,) within [-1, 1] at `rate` hertz.

    Raises:
        MediaError: another dtype, shape, range or rate; the error says how to convert.
    """
    data = np.asarray(array)
    who = source or AUDIO.name
    fix = "pass a numpy array of float32 (samples,), mono, within [-1, 1]"
    if data.dtype.newbyteorder("=") != np.float32:
        if data.dtype.kind == "i":
            fix += f"; from {data.dtype}: x.astype('float32') / {np.iinfo(data.dtype).max + 1}"
        raise MediaError(who, f"is an array of {data.dtype}, wanted float32", fix)
    if data.ndim != 1 or not data.size:
        raise MediaError(who, f"is an array of shape {data.shape}, wanted (samples,)", fix)
    if rate is None:
        raise MediaError(who, "is an array without a sample rate", "pass (array, rate)")
    _check_rate(rate, who)
    if rate != round(rate):
        raise MediaError(who, f"has a rate of {rate} Hz", "round it to a whole number")
    check_limit(AUDIO, "seconds", data.size / rate, who=who)
    _check_samples(data, 1.0, who)
    return Media(AUDIO.name, np.array(data, np.float32), float(rate), source=source)


def sample(seed: int) -> Media:
    """A chord of less than a second; length, rate and tones differ with the seed."""
    chance = np.random.default_rng(seed)
    rate = (16_000, 22_050, 44_100)[seed % 3]
    times = np.arange(int(rate * (0.3 + 0.5 * chance.random()))) / rate
    tones = np.sin(2 * np.pi * chance.uniform(100, 2000, (3, 1)) * times)
    return from_array((0.3 * tones.mean(axis=0)).astype(np.float32), rate)


def adopt(value: Any, *, guess: bool) -> Media | None:
    """The sound that an object is; None where it is none, or plainly so only by its name.

    An array and its rate in hertz: (N,), (N, C) or (C, N), mixed down; of floats from -1 to 1, or
    of integers over their whole range.

    Raises:
        MediaError: it is a sound, and has no rate, is out of range or over a limit.
    """
    found = array_and_rate(value)
    if found is None:
        return None
    data, rate = found
    channels = min(data.shape) if data.ndim == 2 else 1
    if (
        data.ndim not in (1, 2)
        or channels > _CHANNELS
        or (guess and (rate is None or channels > 2))
    ):
        return None
    if rate is not None and data.size:
        check_limit(AUDIO, "seconds", max(data.shape) / max(rate, LOWEST_RATE), who=AUDIO.name)
    if data.dtype.kind in "iu":
        info = np.iinfo(data.dtype)
        middle = (info.max + 1) // 2 if data.dtype.kind == "u" else 0  # of bytes: 128 is silence
        data = (data.astype(np.float64) - middle) / (info.max + 1 - middle)
    if data.ndim == 2:
        data = data.mean(axis=int(np.argmin(data.shape)))
    return from_array(data.astype(np.float32), rate)


def wav(media: Media) -> bytes:
    """The sound as a WAV file of 16 bits."""
    return encoded(media, ".wav")


def encoded(media: Media, suffix: str) -> bytes:
    """The sound as a file of the format that a suffix says: WAV and FLAC have 16 bits.

    Raises:
        MediaError: the format does not have its rate.
    """
    out, kind = io.BytesIO(), suffix.removeprefix(".").upper()
    subtype = "PCM_16" if kind in ("WAV", "FLAC") else None
    try:
        with soundfile.SoundFile(out, "w", int(media.rate or 0), 1, subtype, format=kind) as file:
            for start in range(0, len(media.data), _BLOCK):  # libvorbis' stack is small
                file.write(media.data[start : start + _BLOCK])
    except (soundfile.LibsndfileError, ValueError) as error:
        what = f"a sound of {media.rate:g} Hz is not written as {kind}: {error}"
        raise MediaError(media.source or AUDIO.name, what, "write a .wav") from error
    return out.getvalue()


def _decode(data: bytes, kind: str, who: str) -> tuple[Any, int]:
    blocks: list[Any] = []
    rate = total = 0
    for link in links(whole(data, kind), kind):
        with _Forward(io.BytesIO(link)) as file:
            _check_rate(file.samplerate, who)
            if rate and file.samplerate != rate:
                raise ValueError(f"its rate changes from {rate} to {file.samplerate} Hz")
            rate = file.samplerate
            promised = file.frames if is_exact(link, kind, file.frames) else 0
            check_limit(AUDIO, "seconds", (total + promised) / rate, who=who)
            found = _mono(file, total, who)
            held = sum(map(len, found))
            _check_whole(held, promised - (_MP3_SLACK if kind == "MP3" else 0))
            blocks += found
            total += held
    samples = np.concatenate(blocks)
    _check_samples(samples, _OVERSHOOT, who)
    return samples.clip(-1, 1), rate


def _mono(file: Any, before: int, who: str) -> list[Any]:
    """The rest of a file in blocks, downmixed; `before` it there were samples that count too."""
    most = int(AUDIO.limit("seconds") * file.samplerate)
    blocks, total = [], before
    while len(block := file.read(_BLOCK, dtype="float32", always_2d=True)):
        blocks.append(block.mean(axis=1, dtype=np.float32))
        total += len(block)
        if total > most:  # the header promised less, or nothing
            check_limit(AUDIO, "seconds", total / file.samplerate, who=who)
    return blocks


def _check_whole(held: int, promised: int) -> None:
    if not held:
        raise ValueError("it holds no sound (0 samples)")
    if held < promised:
        raise ValueError(f"{promised - held} of its {promised} samples are missing")


def _check_rate(rate: float, who: str) -> None:
    if not math.isfinite(rate) or rate < LOWEST_RATE:
        raise MediaError(
            who,
            f"has a sample rate of {rate:g} Hz",
            f"give its true rate, from {LOWEST_RATE} to {AUDIO.limit('hertz'):.0f} Hz",
        )
    check_limit(AUDIO, "hertz", rate, who=who)


def _check_samples(samples: Any, most: float, who: str) -> None:
    finite = np.isfinite(samples)
    if not finite.all():
        first = int(np.argmin(finite))
        raise MediaError(
            who,
            f"has {int((~finite).sum())} samples that are no numbers, the first at {first}",
            "mend or cut them: numpy.nan_to_num",
        )
    peak = float(np.abs(samples).max())
    if peak > most:
        raise MediaError(
            who,
            f"has samples up to {peak:g}, wanted within [-1, 1]",
            "divide by their scale, 32768 for 16-bit integers",
        )
