"""The decoders of pictures, as declared: conditions and places, nothing that runs."""

from __future__ import annotations

from nextgpt_registry.specs import Condition, Decoder

_FILES = ("unet", "vae", "text-encoder", "vocab", "merges")
_NEEDS = ("torch", "transformers", "diffusers")


def _decoder(
    name: str,
    target: str,
    options: str,
    summary: str,
    *,
    conditions: tuple[Condition, ...],
    parameters: int,
    licence: str,
    weights: tuple[str, ...] = _FILES,
) -> Decoder:
    return Decoder(
        name=name,
        modality="image",
        summary=summary,
        signals=4,
        conditions=conditions,
        captions=True,
        parameters=parameters,
        target=f"nextgpt_image.diffusion:{target}",
        options=f"nextgpt_image.options:{options}",
        twin={"narrow": 16, "height": 64, "width": 64, "steps": 2},
        weights=weights,
        requires=_NEEDS,
        licence=licence,
    )


DECODERS = (
    _decoder(
        "sd15",
        "Sd15",
        "DecoderOptions",
        "Stable Diffusion 1.5, 512 x 512, by 77 text states of CLIP L/14",
        conditions=(Condition(name="text", tokens=77, width=768),),
        parameters=1_066_235_307,
        licence="LicenseRef-CreativeML-OpenRAIL-M",
    ),
    _decoder(
        "sd2",
        "Sd2",
        "Sd2Options",
        "Stable Diffusion 2 (v-prediction), 768 x 768, by 77 text states of OpenCLIP H/14",
        conditions=(Condition(name="text", tokens=77, width=1024),),
        parameters=1_289_952_427,
        licence="LicenseRef-CreativeML-OpenRAIL-PlusPlus-M",
    ),
    _decoder(
        "sdxl-turbo",
        "SdxlTurbo",
        "TurboOptions",
        "SDXL Turbo, one step, 512 x 512, by text states of two encoders and one pooled",
        conditions=(
            Condition(name="text", tokens=77, width=2048),
            Condition(name="pooled", tokens=1, width=1280),
        ),
        parameters=3_468_837_867,
        licence="LicenseRef-Stability-AI-NC-Research-Community",
        weights=("unet", "vae", "text-encoder", "text-encoder-2", "vocab", "merges"),
    ),
)
