"""The encoders of pictures, as declared: sizes and places, nothing that runs."""

from __future__ import annotations

from typing import Any

from nextgpt_registry.specs import Encoder

_NEEDS = ("torch", "transformers")
_TWIN: dict[str, Any] = {"narrow": 16}


def _clip(name: str, target: str, *, tokens: int, width: int, parameters: int) -> Encoder:
    return Encoder(
        name=name,
        modality="image",
        summary=f"CLIP {name[5:].upper()}, 224 pixels: its patches without CLS, last layer but one",
        tokens=tokens,
        width=width,
        parameters=parameters,
        target=f"nextgpt_image.clip:{target}",
        options="nextgpt_image.options:ClipOptions",
        twin=_TWIN,
        weights=("model",),
        requires=_NEEDS,
        licence="MIT",
    )


def _siglip2(
    name: str, target: str, *, tokens: int, width: int, parameters: int, varying: bool = False
) -> Encoder:
    look = "in its own shape, at most 256 patches" if varying else "bent to a square"
    return Encoder(
        name=name,
        modality="image",
        summary=f"SigLIP2, the picture {look}: all its patches",
        tokens=tokens,
        width=width,
        varying=varying,
        parameters=parameters,
        target=f"nextgpt_image.siglip2:{target}",
        options="nextgpt_image.options:EncoderOptions",
        twin=_TWIN,
        weights=("model",),
        requires=_NEEDS,
        licence="Apache-2.0",
    )


ENCODERS = (
    _clip("clip-b32", "ClipB32", tokens=49, width=768, parameters=87_456_000),
    _clip("clip-b16", "ClipB16", tokens=196, width=768, parameters=85_799_424),
    _clip("clip-l14", "ClipL14", tokens=256, width=1024, parameters=303_179_776),
    _siglip2("siglip2-base", "Siglip2Base", tokens=196, width=768, parameters=92_884_224),
    _siglip2("siglip2-so400m", "Siglip2So400m", tokens=729, width=1152, parameters=428_225_600),
    _siglip2(
        "siglip2-base-naflex",
        "Siglip2BaseNaflex",
        tokens=256,
        width=768,
        parameters=92_930_304,
        varying=True,
    ),
    _siglip2(
        "siglip2-so400m-naflex",
        "Siglip2So400mNaflex",
        tokens=256,
        width=1152,
        parameters=427_888_064,
        varying=True,
    ),
)
