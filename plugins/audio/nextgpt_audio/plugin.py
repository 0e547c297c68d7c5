"""What the audio plugin declares and the hooks it answers. Imports no model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nextgpt_audio.encoders import ENCODERS
from nextgpt_audio.modality import AUDIO
from nextgpt_registry.hookspecs import hookimpl
from nextgpt_registry.media import Blob, Media
from nextgpt_registry.specs import Manifest


@hookimpl
def nextgpt_manifest() -> Manifest:
    """Declare sound and its encoders."""
    return Manifest(
        api="1.0",
        summary="sound: reading, writing, Whisper and CLAP",
        license="Apache-2.0",
        modalities=(AUDIO,),
        encoders=ENCODERS,
    )


@hookimpl
def nextgpt_read_media(modality: str, blob: Blob) -> Media | None:
    """Decode WAV, FLAC, Ogg and MP3."""
    if modality != AUDIO.name:
        return None
    from nextgpt_audio.files import read  # lazy: numpy and libsndfile

    return read(blob)


@hookimpl
def nextgpt_adopt_media(modality: str, value: Any, guess: bool) -> Media | None:
    """Take arrays with their rate: of floats from -1 to 1, or of integers."""
    if modality != AUDIO.name:
        return None
    from nextgpt_audio.files import adopt

    return adopt(value, guess=guess)


@hookimpl
def nextgpt_check_media(media: Media) -> Media | None:
    """Take what `from_array` takes."""
    if media.modality != AUDIO.name:
        return None
    from nextgpt_audio.files import from_array

    return from_array(media.data, media.rate, source=media.source)


@hookimpl
def nextgpt_write_media(media: Media, stem: Path, suffix: str) -> Path | None:
    """Write a WAV of 16 bits, or what the suffix says."""
    if media.modality != AUDIO.name:
        return None
    from nextgpt_audio.files import encoded
    from nextgpt_registry.content import replace_file

    return replace_file(stem.with_name(stem.name + suffix), encoded(media, suffix))


@hookimpl
def nextgpt_show_media(media: Media) -> str | None:
    """An `<audio>` player."""
    if media.modality != AUDIO.name:
        return None
    import base64

    from nextgpt_audio.files import wav

    url = "data:audio/wav;base64," + base64.b64encode(wav(media)).decode("ascii")
    return f'<audio controls preload="metadata" src="{url}"></audio>'


@hookimpl
def nextgpt_log_media(writer: Any, tag: str, media: Media, step: int) -> bool | None:
    """Log the sound as TensorBoard's audio."""
    if media.modality != AUDIO.name:
        return None
    writer.add_audio(tag, media.data[None], step, sample_rate=int(media.rate or 0))
    return True
