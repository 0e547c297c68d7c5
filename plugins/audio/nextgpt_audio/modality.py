"""What a sound is here: formats, limits, layout. Imports no decoder.

Layout of a sound's `Media.data`: float32 (N,), mono, within [-1, 1]; `Media.rate` in hertz.
"""

from __future__ import annotations

from nextgpt_registry.specs import Limit, Modality

AUDIO = Modality(
    name="audio",
    summary="sound: float32 (samples,), mono, within [-1, 1]",
    mime=("audio/wav", "audio/x-wav", "audio/flac", "audio/ogg", "audio/mpeg", "audio/aiff"),
    suffixes=(
        *(".wav", ".wave", ".w64", ".aif", ".aiff", ".aifc"),
        *(".flac", ".ogg", ".oga", ".opus", ".mp3"),
    ),
    limits=(
        Limit(of="bytes", at_most=256_000_000),
        Limit(of="seconds", at_most=600),
        Limit(of="hertz", at_most=384_000),
    ),
    sample="nextgpt_audio.files:sample",
    writes=(".wav", ".flac", ".ogg", ".mp3"),
    part_types=("input_audio", "audio_url"),
)

FORMATS = ("WAV", "W64", "AIFF", "FLAC", "OGG", "MP3")
LOWEST_RATE = 1000
"""Hertz below which a rate is taken for a mistake."""
