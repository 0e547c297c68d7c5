"""The encoders of sound, as declared: sizes and places, nothing that runs."""

from __future__ import annotations

from nextgpt_registry.specs import Encoder


def _encoder(
    name: str, target: str, summary: str, *, tokens: int, width: int, parameters: int
) -> Encoder:
    return Encoder(
        name=name,
        modality="audio",
        summary=summary,
        tokens=tokens,
        width=width,
        parameters=parameters,
        target=f"nextgpt_audio.{target}",
        options="nextgpt_audio.options:EncoderOptions",
        twin={"narrow": 16},
        weights=("model",),
        requires=("torch", "transformers"),
        licence="Apache-2.0",
    )


def _whisper(name: str, target: str, *, width: int, parameters: int) -> Encoder:
    said = f"Whisper {name[8:]}: a state for each 20 ms of the first 30 s"
    return _encoder(
        name, f"whisper:{target}", said, tokens=1500, width=width, parameters=parameters
    )


def _clap(name: str, target: str, *, width: int, parameters: int) -> Encoder:
    said = "CLAP without fusion: an 8 x 8 grid of time and pitch over the first 10 s"
    return _encoder(name, f"clap:{target}", said, tokens=64, width=width, parameters=parameters)


ENCODERS = (
    _whisper("whisper-tiny", "WhisperTiny", width=384, parameters=8_208_384),
    _whisper("whisper-base", "WhisperBase", width=512, parameters=20_590_592),
    _whisper("whisper-small", "WhisperSmall", width=768, parameters=88_154_112),
    _whisper("whisper-large-v3", "WhisperLargeV3", width=1280, parameters=636_968_960),
    _clap("clap-htsat-unfused", "ClapHtsatUnfused", width=768, parameters=27_534_488),
    _clap("larger-clap-general", "LargerClapGeneral", width=1024, parameters=67_824_408),
)
