"""The decoder of films, as declared: conditions and places, nothing that runs."""

from __future__ import annotations

from nextgpt_registry.specs import Condition, Decoder

DECODERS = (
    Decoder(
        name="zeroscope",
        modality="video",
        summary="ZeroScope v2 576w, 24 frames of 576 x 320, by 77 text states of OpenCLIP H/14",
        signals=24,
        conditions=(Condition(name="text", tokens=77, width=1024),),
        captions=True,
        max_batch=2,
        parameters=1_835_275_563,
        target="nextgpt_video.diffusion:Zeroscope",
        options="nextgpt_video.options:DecoderOptions",
        twin={"narrow": 16, "height": 64, "width": 64, "frames": 2, "steps": 2},
        weights=("unet", "vae", "text-encoder", "vocab", "merges"),
        requires=("torch", "transformers", "diffusers"),
        licence="CC-BY-NC-4.0",
    ),
)
