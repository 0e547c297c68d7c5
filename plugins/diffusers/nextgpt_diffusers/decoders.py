"""The decoders as declared: conditions and places, nothing that runs.

`diffusers` is three of them, one for each modality. Its own conditions are those of its twin; a
config that names a folder has them replaced by what the folder says.
"""

from __future__ import annotations

from typing import Any

from nextgpt_registry.specs import Condition, Decoder

_NEEDS = ("torch", "transformers", "diffusers")
_PICTURES: dict[str, Any] = {"narrow": 16, "height": 64, "width": 64, "steps": 2}
_VIDEOS: dict[str, Any] = {"narrow": 16, "height": 64, "width": 64, "frames": 5, "steps": 2}
_SOUNDS: dict[str, Any] = {"narrow": 16, "seconds": 0.5, "steps": 2}
_WAN = (Condition(name="text", tokens=128, width=4096),)
_STABLE_AUDIO = (Condition(name="text", tokens=128, width=768),)


def _any(
    modality: str,
    options: str,
    *,
    signals: int,
    conditions: tuple[Condition, ...],
    twin: dict[str, Any],
    requires: tuple[str, ...] = _NEEDS,
    max_batch: int = 8,
) -> Decoder:
    return Decoder(
        name="diffusers",
        modality=modality,
        summary=f"any known {modality} pipeline of diffusers, as its folder describes it",
        signals=signals,
        conditions=conditions,
        captions=True,
        max_batch=max_batch,
        describe="nextgpt_diffusers.describe:describe",
        target=f"nextgpt_diffusers.models:{modality.capitalize()}",
        options=f"nextgpt_diffusers.options:{options}",
        twin=twin,
        weights=("pipeline",),
        requires=requires,
        licence="LicenseRef-See-Model-Card",
    )


def _of_files(
    name: str,
    modality: str,
    target: str,
    options: str,
    summary: str,
    *,
    signals: int,
    conditions: tuple[Condition, ...],
    parameters: int,
    licence: str,
    twin: dict[str, Any],
    weights: tuple[str, ...] = (),
    max_batch: int = 8,
) -> Decoder:
    """One whose weights are separate files; `weights` are those that not all have."""
    return Decoder(
        name=name,
        modality=modality,
        summary=summary,
        signals=signals,
        conditions=conditions,
        captions=True,
        max_batch=max_batch,
        parameters=parameters,
        target=f"nextgpt_diffusers.models:{target}",
        options=f"nextgpt_diffusers.options:{options}",
        twin=twin,
        weights=("unet", "vae", "text-encoder", *weights, "vocab", "merges"),
        requires=_NEEDS,
        licence=licence,
    )


DECODERS = (
    _any(
        "image",
        "ImageOptions",
        signals=4,
        conditions=(
            Condition(name="text", tokens=77, width=32),
            Condition(name="pooled", tokens=1, width=16),
        ),
        twin={**_PICTURES, "guidance": 5.0},
    ),
    _any("video", "VideoOptions", signals=24, conditions=_WAN, twin=_VIDEOS, max_batch=2),
    _any(
        "audio",
        "AudioOptions",
        signals=8,
        conditions=_STABLE_AUDIO,
        twin=_SOUNDS,
        requires=(*_NEEDS, "torchsde"),
    ),
    Decoder(
        name="flux2-klein-4b",
        modality="image",
        summary="FLUX.2 [klein] 4B, 1024 x 1024 in 4 steps, by 512 text states of Qwen3-4B",
        signals=4,
        conditions=(Condition(name="text", tokens=512, width=7680),),
        captions=True,
        max_batch=1,
        parameters=7_982_058_787,
        target="nextgpt_diffusers.models:Flux2Klein4b",
        options="nextgpt_diffusers.options:Flux2KleinOptions",
        twin=_PICTURES,
        weights=("pipeline",),
        requires=_NEEDS,
        licence="Apache-2.0",
    ),
    Decoder(
        name="wan21-1.3b",
        modality="video",
        summary="Wan 2.1 T2V 1.3B, 81 frames of 832 x 480, by 128 text states of UMT5-XXL",
        signals=24,
        conditions=_WAN,
        captions=True,
        max_batch=1,
        parameters=7_226_799_667,
        target="nextgpt_diffusers.models:Wan21",
        options="nextgpt_diffusers.options:WanOptions",
        twin=_VIDEOS,
        weights=("pipeline",),
        requires=_NEEDS,
        licence="Apache-2.0",
    ),
    Decoder(
        name="ace-step-1.5-turbo",
        modality="audio",
        summary="ACE-Step 1.5 turbo, music at 48 kHz in 8 steps, by 256 text states of Qwen3",
        signals=8,
        conditions=(
            Condition(name="text", tokens=256, width=1024),
            Condition(name="mask", tokens=256, width=1),
        ),
        captions=True,
        max_batch=1,
        parameters=2_948_300_482,
        target="nextgpt_diffusers.models:AceStepTurbo",
        options="nextgpt_diffusers.options:AceStepOptions",
        twin=_SOUNDS,
        weights=("pipeline",),
        requires=_NEEDS,
        licence="MIT",
    ),
    Decoder(
        name="stable-audio-open",
        modality="audio",
        summary="Stable Audio Open 1.0, 44.1 kHz, up to 47 s, by 128 text states of T5",
        signals=8,
        conditions=_STABLE_AUDIO,
        captions=True,
        parameters=1_323_076_738,
        target="nextgpt_diffusers.models:StableAudioOpen",
        options="nextgpt_diffusers.options:StableAudioOptions",
        twin=_SOUNDS,
        weights=("pipeline",),
        requires=(*_NEEDS, "torchsde"),
        licence="LicenseRef-Stability-AI-Community",
    ),
    _of_files(
        "sd15",
        "image",
        "Sd15",
        "Sd15Options",
        "Stable Diffusion 1.5, 512 x 512, by 77 text states of CLIP L/14",
        signals=4,
        conditions=(Condition(name="text", tokens=77, width=768),),
        parameters=1_066_235_307,
        licence="LicenseRef-CreativeML-OpenRAIL-M",
        twin=_PICTURES,
    ),
    _of_files(
        "sd2",
        "image",
        "Sd2",
        "Sd2Options",
        "Stable Diffusion 2 (v-prediction), 768 x 768, by 77 text states of OpenCLIP H/14",
        signals=4,
        conditions=(Condition(name="text", tokens=77, width=1024),),
        parameters=1_289_952_427,
        licence="LicenseRef-CreativeML-OpenRAIL-PlusPlus-M",
        twin=_PICTURES,
    ),
    _of_files(
        "sdxl-turbo",
        "image",
        "SdxlTurbo",
        "TurboOptions",
        "SDXL Turbo, one step, 512 x 512, by text states of two encoders and one pooled",
        signals=4,
        conditions=(
            Condition(name="text", tokens=77, width=2048),
            Condition(name="pooled", tokens=1, width=1280),
        ),
        parameters=3_468_837_867,
        licence="LicenseRef-Stability-AI-NC-Research-Community",
        twin=_PICTURES,
        weights=("text-encoder-2",),
    ),
    _of_files(
        "zeroscope",
        "video",
        "Zeroscope",
        "ZeroscopeOptions",
        "ZeroScope v2 576w, 24 frames of 576 x 320, by 77 text states of OpenCLIP H/14",
        signals=24,
        conditions=(Condition(name="text", tokens=77, width=1024),),
        parameters=1_835_275_563,
        licence="CC-BY-NC-4.0",
        twin={"narrow": 16, "height": 64, "width": 64, "frames": 2, "steps": 2},
        max_batch=2,
    ),
    _of_files(
        "audioldm-l-full",
        "audio",
        "AudioLdmLFull",
        "AudioLdmOptions",
        "AudioLDM (large, full), 16 kHz, by CLAP's embedding of a caption",
        signals=8,
        conditions=(Condition(name="text", tokens=1, width=512),),
        parameters=975_082_866,
        licence="CC-BY-NC-SA-4.0",
        twin={"narrow": 16, "seconds": 0.7, "steps": 2},
        weights=("vocoder",),
    ),
)
