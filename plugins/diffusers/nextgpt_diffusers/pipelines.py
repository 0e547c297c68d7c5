"""The pipeline classes that are known, and the conditions that a folder of each has. No torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nextgpt_diffusers.folder import Folder
from nextgpt_registry.errors import SourceError
from nextgpt_registry.specs import Condition

CHECKER = "safety_checker"
"""What a published folder may have to look at its pictures before they are shown."""
LEFT_OUT = (
    CHECKER,
    "feature_extractor",
    "image_encoder",
    "audio_tokenizer",
    "audio_token_detokenizer",
)
"""Parts of published folders that a pipeline works without; of these only the checker is loaded."""
PIXART_TOKENS = 300
"""The length of PixArt Sigma's texts: of its pipeline, not of its tokenizer."""
WAN_TOKENS = 128
"""How much of a text is said to Wan; the rest of the 512 that it reads is zeros, as its pipeline
makes them for a text of this length."""

FLUX2_TOKENS = 512
"""The length of FLUX.2 klein's texts: of its pipeline, not of its tokenizer."""
ACE_STEP_TOKENS = 256
"""The most that ACE-Step's call makes of a text."""
_FLUX2_READ = 3  # layers of the text encoder, side by side


@dataclass(frozen=True)
class Pipeline:
    """One class of diffusers': what it makes, its models, and how its folder is read."""

    modality: str
    parts: tuple[str, ...]  # its models
    conditions: Callable[[Folder], tuple[Condition, ...]]
    family: str  # the target of what runs it
    requires: tuple[str, ...] = ()
    max_batch: int = 64  # at most; 1 where media of one call change each other
    runs: str = ""  # the target of a subclass of it that takes conditions, if it takes none


def _stable_diffusion(folder: Folder) -> tuple[Condition, ...]:
    width = folder.number("unet", "cross_attention_dim")
    _agree(folder, folder.number("text_encoder", "hidden_size"), width)
    return (Condition(name="text", tokens=folder.tokens("tokenizer"), width=width),)


def _stable_diffusion_xl(folder: Folder) -> tuple[Condition, ...]:
    width, both = folder.number("unet", "cross_attention_dim"), ("text_encoder", "text_encoder_2")
    _agree(folder, sum(folder.number(part, "hidden_size") for part in both), width)
    pooled = folder.number("text_encoder_2", "projection_dim")
    return (
        Condition(name="text", tokens=folder.tokens("tokenizer"), width=width),
        Condition(name="pooled", tokens=1, width=pooled),
    )


def _pixart(folder: Folder) -> tuple[Condition, ...]:
    width = folder.number("transformer", "caption_channels")
    _agree(folder, folder.number("text_encoder", "d_model"), width)
    return (
        Condition(name="text", tokens=PIXART_TOKENS, width=width),
        Condition(name="mask", tokens=PIXART_TOKENS, width=1),
    )


def _wan(folder: Folder) -> tuple[Condition, ...]:
    if folder.kind("transformer_2") != (None, None) or folder.index.get("expand_timesteps"):
        raise SourceError(
            str(folder.path), "is a Wan of two denoisers (2.2)", "name one of Wan 2.1"
        )
    width = folder.number("transformer", "text_dim", 4096)
    _agree(folder, folder.number("text_encoder", "d_model"), width)
    return (Condition(name="text", tokens=WAN_TOKENS, width=width),)


def _stable_audio(folder: Folder) -> tuple[Condition, ...]:
    width = folder.number("text_encoder", "d_model")
    _agree(folder, width, folder.number("projection_model", "text_encoder_dim"))
    return (Condition(name="text", tokens=folder.tokens("tokenizer"), width=width),)


def _flux2_klein(folder: Folder) -> tuple[Condition, ...]:
    width = folder.number("transformer", "joint_attention_dim")
    _agree(folder, _FLUX2_READ * folder.number("text_encoder", "hidden_size"), width)
    return (Condition(name="text", tokens=FLUX2_TOKENS, width=width),)


def _ace_step(folder: Folder) -> tuple[Condition, ...]:
    width = folder.number("text_encoder", "hidden_size")
    _agree(folder, width, folder.number("condition_encoder", "text_hidden_dim", 1024))
    return (
        Condition(name="text", tokens=ACE_STEP_TOKENS, width=width),
        Condition(name="mask", tokens=ACE_STEP_TOKENS, width=1),
    )


def _audioldm(folder: Folder) -> tuple[Condition, ...]:
    width = folder.number("text_encoder", "projection_dim", 512)
    _agree(folder, width, folder.number("unet", "projection_class_embeddings_input_dim"))
    return (Condition(name="text", tokens=1, width=width),)


def checked(folder: Folder) -> bool:
    """Whether the folder has Stable Diffusion's safety checker, and its files are here."""
    known = ("stable_diffusion", "StableDiffusionSafetyChecker")
    there = (folder.path / CHECKER / "config.json").is_file()
    return folder.kind(CHECKER) == known and there


def _agree(folder: Folder, made: int, taken: int) -> None:
    if made != taken:
        raise SourceError(
            str(folder.path),
            f"its text encoders make states of width {made}, its denoiser takes {taken}",
            "name a pipeline whose parts belong together",
        )


_ONE_TEXT = ("unet", "vae", "text_encoder")
_WITH_TRANSFORMER = ("transformer", "vae", "text_encoder")

PIPELINES = {
    "StableDiffusionPipeline": Pipeline(
        "image", _ONE_TEXT, _stable_diffusion, "nextgpt_diffusers.stable_diffusion:StableDiffusion"
    ),
    "StableDiffusionXLPipeline": Pipeline(
        "image",
        (*_ONE_TEXT, "text_encoder_2"),
        _stable_diffusion_xl,
        "nextgpt_diffusers.stable_diffusion:StableDiffusionXl",
    ),
    "PixArtSigmaPipeline": Pipeline(
        "image", _WITH_TRANSFORMER, _pixart, "nextgpt_diffusers.pixart:PixArt"
    ),
    "Flux2KleinPipeline": Pipeline(
        "image", _WITH_TRANSFORMER, _flux2_klein, "nextgpt_diffusers.flux2:Flux2Klein"
    ),
    "TextToVideoSDPipeline": Pipeline(
        "video", _ONE_TEXT, _stable_diffusion, "nextgpt_diffusers.text_to_video:TextToVideo"
    ),
    "WanPipeline": Pipeline("video", _WITH_TRANSFORMER, _wan, "nextgpt_diffusers.wan:Wan"),
    "AudioLDMPipeline": Pipeline(
        "audio", (*_ONE_TEXT, "vocoder"), _audioldm, "nextgpt_diffusers.audioldm:AudioLdm"
    ),
    "StableAudioPipeline": Pipeline(
        "audio",
        (*_WITH_TRANSFORMER, "projection_model"),
        _stable_audio,
        "nextgpt_diffusers.stable_audio:StableAudio",
        ("torchsde",),
    ),
    "AceStepPipeline": Pipeline(
        "audio",
        (*_WITH_TRANSFORMER, "condition_encoder"),
        _ace_step,
        "nextgpt_diffusers.ace_step:AceStep",
        max_batch=1,
        runs="nextgpt_diffusers.ace_step:AceStepPipeline",
    ),
}
"""By diffusers' name. One more is an entry here, and a family that runs it."""
