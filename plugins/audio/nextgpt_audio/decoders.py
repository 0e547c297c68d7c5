"""The decoder of sound, as declared: conditions and places, nothing that runs."""

from __future__ import annotations

from nextgpt_registry.specs import Condition, Decoder

DECODERS = (
    Decoder(
        name="audioldm-l-full",
        modality="audio",
        summary="AudioLDM (large, full), 16 kHz, by CLAP's embedding of a caption",
        signals=8,
        conditions=(Condition(name="text", tokens=1, width=512),),
        captions=True,
        parameters=975_082_866,
        target="nextgpt_audio.diffusion:AudioLdmLFull",
        options="nextgpt_audio.options:DecoderOptions",
        twin={"narrow": 16, "seconds": 0.7, "steps": 2},
        weights=("unet", "vae", "text-encoder", "vocoder", "vocab", "merges"),
        requires=("torch", "transformers", "diffusers"),
        licence="CC-BY-NC-SA-4.0",
    ),
)
