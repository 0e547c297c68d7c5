"""The encoders of videos, as declared: sizes and places, nothing that runs."""

from __future__ import annotations

from nextgpt_registry.specs import Encoder


def _encoder(
    name: str,
    target: str,
    summary: str,
    *,
    tokens: int,
    width: int,
    parameters: int,
    licence: str,
    options: str = "EncoderOptions",
) -> Encoder:
    return Encoder(
        name=name,
        modality="video",
        summary=summary,
        tokens=tokens,
        width=width,
        parameters=parameters,
        target=f"nextgpt_video.{target}",
        options=f"nextgpt_video.options:{options}",
        twin={"narrow": 16},
        weights=("model",),
        requires=("torch", "transformers"),
        licence=licence,
    )


def _videomae(name: str, target: str, *, width: int, parameters: int) -> Encoder:
    return _encoder(
        name,
        f"videomae:{target}",
        "VideoMAE: 16 frames over the whole video, 8 tubes of 14 x 14 patches",
        tokens=1568,
        width=width,
        parameters=parameters,
        licence="CC-BY-NC-4.0",
    )


def _clip(
    name: str, target: str, patches: str, *, tokens: int, width: int, parameters: int
) -> Encoder:
    return _encoder(
        name,
        f"clip_frames:{target}",
        f"CLIP over 8 frames of the video, {patches} tokens each, last layer but one",
        tokens=tokens,
        width=width,
        parameters=parameters,
        licence="MIT",
        options="ClipOptions",
    )


ENCODERS = (
    _videomae("videomae-base", "VideoMaeBase", width=768, parameters=86_227_200),
    _videomae("videomae-large", "VideoMaeLarge", width=1024, parameters=303_860_736),
    _videomae("videomae-base-kinetics", "VideoMaeBaseKinetics", width=768, parameters=86_225_664),
    _videomae(
        "videomae-large-kinetics", "VideoMaeLargeKinetics", width=1024, parameters=303_858_688
    ),
    _clip("clip-b32-frames", "ClipB32Frames", "49", tokens=392, width=768, parameters=87_456_000),
    _clip("clip-l14-frames", "ClipL14Frames", "64", tokens=512, width=1024, parameters=303_179_776),
)
