"""Decoders of folders make what diffusers' own pipelines make of the same words and seeds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from drawing import batch, draw, seeds

from nextgpt_diffusers import PIPELINES, describe
from nextgpt_diffusers.build import quiet
from nextgpt_diffusers.decoders import DECODERS
from nextgpt_registry.errors import DecodeError
from nextgpt_registry.media import Media
from nextgpt_registry.specs import Decoder
from nextgpt_registry.targets import options_model, resolve

Saved = Callable[[str], Path]
CAPTIONS = ["a red cat", "rain on tin"]
ASKED = {
    "image": {"height": 64, "width": 96, "steps": 2, "guidance": 4.0},
    "video": {"height": 64, "width": 96, "frames": 5, "steps": 2, "guidance": 4.0},
    "audio": {"seconds": 0.5, "steps": 2, "guidance": 4.0},
}
SAID = {  # the same, as the pipelines call it
    "image": {"height": 64, "width": 96},
    "video": {"height": 64, "width": 96, "num_frames": 5},
    "audio": {"audio_end_in_s": 0.5},
}
OWN = {
    "PixArtSigmaPipeline": {"use_resolution_binning": False, "clean_caption": False},
    "AceStepPipeline": {"lyrics": ["[Instrumental]"]},
}
LENGTH = {
    "AceStepPipeline": {"audio_duration": 0.5},
    "AudioLDMPipeline": {"audio_length_in_s": 0.5},
}
LARGE = [name for name in PIPELINES if name.startswith(("StableDiffusionXL", "Flux", "Wan"))]
LARGE += [name for name in PIPELINES if PIPELINES[name].modality == "audio"]
ALONE = ("AceStepPipeline",)  # whose items change each other

# diffusers' samplers make arrays the way numpy 2 frowns upon, and round the ends of times
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Should have t:UserWarning"),
]

each = pytest.mark.parametrize("name", PIPELINES)


def spec_of(name: str, folder: Path) -> Decoder:
    wanted = PIPELINES[name].modality
    generic = next(d for d in DECODERS if d.name == "diffusers" and d.modality == wanted)
    return describe(generic, {"pipeline": folder})


def build(spec: Decoder, folder: Path, **options: Any) -> Any:
    assert spec.options is not None
    live = resolve(spec.target)(options_model(spec.options)(**options))
    live.load({"pipeline": folder})
    return live.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def live(saved: Saved) -> Callable[[str], Any]:
    made: dict[str, Any] = {}

    def get(name: str) -> Any:
        if name not in made:
            spec = spec_of(name, saved(name))
            made[name] = build(spec, saved(name), **ASKED[spec.modality])
        return made[name]

    return get


def far_apart(one: list[Media], other: list[Media]) -> float:
    """The largest difference, of the full range."""
    worst = 0.0
    for a, b in zip(one, other, strict=True):
        assert a.data.shape == b.data.shape
        whole = 255 if a.data.dtype == np.uint8 else 1
        worst = max(worst, float(np.abs(a.data.astype(float) - b.data).max()) / whole)
    return worst


def said_away(name: str, pipe: Any, negative: str, count: int) -> dict[str, Any]:
    """What guidance leads away from, as the call of a pipeline takes it."""
    if name == "AceStepPipeline":  # takes nothing
        return {}
    if name == "Flux2KleinPipeline":  # takes states alone
        return {"negative_prompt_embeds": pipe.encode_prompt([negative] * count)[0]}
    # These two lead away from zeros where nothing is said, if their call is told nothing.
    plain = name in ("StableAudioPipeline", "StableDiffusionXLPipeline") and not negative
    return {"negative_prompt": None if plain else [negative] * count}


@pytest.mark.parametrize(
    ("name", "negative"),
    [(name, said) for name in PIPELINES for said in ("", "blue") if name not in ALONE or not said],
)
def test_media_are_those_of_the_pipeline(
    name: str, negative: str, live: Callable[[str], Any], saved: Saved
) -> None:
    decoder, modality = live(name), PIPELINES[name].modality
    with quiet():
        pipe = getattr(diffusers, name).from_pretrained(saved(name), local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    conditions = decoder.caption_targets(CAPTIONS)
    ours, wanted = [], []
    for row in (slice(0, 1), slice(1, 2)) if name in ALONE else (slice(None),):
        numbers = (3, 4)[row]
        rows = {n: v[row] for n, v in conditions.items()}
        ours += draw(decoder, rows, *numbers, negative=negative)
        theirs = pipe(
            prompt=CAPTIONS[row],
            **said_away(name, pipe, negative, len(numbers)),
            num_inference_steps=2,
            guidance_scale=4.0,
            generator=seeds(*numbers),
            output_type="pt" if modality == "audio" else "np",
            **LENGTH.get(name, SAID[modality]),
            **OWN.get(name, {}),
        )
        wanted += decoder.family.media(pipe, theirs, decoder.options)

    assert far_apart(ours, wanted) <= (1e-5 if modality == "audio" else 1 / 255)
    assert ours[0] != ours[1]


@each
def test_conditions_have_the_described_sizes(
    name: str, live: Callable[[str], Any], saved: Saved
) -> None:
    found = live(name).caption_targets(CAPTIONS)

    spec = spec_of(name, saved(name))
    assert {n: tuple(v.shape) for n, v in found.items()} == {
        c.name: (2, c.tokens, c.width) for c in spec.conditions
    }
    assert sum(p.numel() for p in live(name).parameters()) == spec.parameters


@each
def test_the_loss_is_of_each_item_and_reaches_every_condition(
    name: str, live: Callable[[str], Any]
) -> None:
    decoder = live(name)
    shape = {"image": (40, 90, 3), "video": (7, 40, 90, 3), "audio": (9000,)}
    modality = PIPELINES[name].modality
    chance = np.random.default_rng(0)
    media = [
        Media("audio", chance.uniform(-1, 1, shape[modality]).astype(np.float32), 16_000.0)
        if modality == "audio"
        else Media(modality, chance.integers(0, 255, shape[modality], np.uint8), 8.0)
        for _ in range(2)
    ]
    start = decoder.caption_targets(CAPTIONS)
    given = {n: v.clone().requires_grad_() for n, v in start.items()}

    losses = decoder.denoising_loss(media, batch(decoder, given, 1, 2))
    losses.sum().backward()
    with torch.no_grad():
        own = batch(decoder, {n: v[1:] for n, v in start.items()}, 2)
        alone = decoder.denoising_loss(media[1:], own)

    assert losses.shape == (2,)
    assert all(value.grad is not None and value.grad.any() for value in given.values())
    assert torch.allclose(losses[1], alone[0], atol=1e-5)


@pytest.mark.parametrize("name", ["StableDiffusionPipeline", "WanPipeline", "Flux2KleinPipeline"])
def test_each_fitting_scheduler_makes_media(name: str, live: Callable[[str], Any]) -> None:
    decoder = live(name)
    conditions = decoder.caption_targets(CAPTIONS[:1])
    fitting = ["dpm++", "euler", "unipc"]
    if name == "StableDiffusionPipeline":
        fitting += ["ddim", "euler-ancestral"]

    made = [draw(decoder, conditions, 1, scheduler=one, steps=3)[0] for one in fitting]

    assert len(set(made)) == len(fitting)
    if name != "StableDiffusionPipeline":
        with pytest.raises(DecodeError, match="does not fit"):
            draw(decoder, conditions, 1, scheduler="ddim")
    assert type(decoder.pipe.scheduler) is type(live(name).pipe.scheduler)


def test_a_mask_says_how_much_of_a_text_is_read(live: Callable[[str], Any]) -> None:
    decoder = live("PixArtSigmaPipeline")
    given = decoder.caption_targets(CAPTIONS[:1])
    behind = given["mask"].expand_as(given["text"]) < 0.5

    changed = {**given, "text": torch.where(behind, 7.0, given["text"])}
    whole = {**changed, "mask": torch.ones_like(given["mask"])}

    assert draw(decoder, given, 1) == draw(decoder, changed, 1)
    assert draw(decoder, changed, 1) != draw(decoder, whole, 1)


def test_latents_are_those_that_the_pipeline_of_xl_decodes(saved: Saved) -> None:
    """Which undoes `latents_mean` and `latents_std`, where the autoencoder says them."""
    name = "StableDiffusionXLPipeline"
    decoder = build(spec_of(name, saved(name)), saved(name), **ASKED["image"])
    picture = Media("image", np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8))
    read = (decoder.pipe, [picture], decoder.options)

    plain = decoder.family.latents(*read, seeds(1))
    centre, scale = [0.5, -0.25, 0.1, 2.0], [0.8, 1.5, 0.4, 1.0]
    decoder.pipe.vae.register_to_config(latents_mean=centre, latents_std=scale)
    found = decoder.family.latents(*read, seeds(1))

    factor = decoder.pipe.vae.config.scaling_factor
    back = found * torch.tensor(scale)[:, None, None] / factor + torch.tensor(centre)[:, None, None]
    assert torch.allclose(back, plain / factor, atol=1e-5)
    assert not torch.allclose(found, plain, atol=1e-2)


def test_a_mask_of_a_language_model_means_the_same_in_the_loss(live: Callable[[str], Any]) -> None:
    decoder = live("PixArtSigmaPipeline")
    given = decoder.caption_targets(CAPTIONS[:1])
    soft = {**given, "mask": (0.2 + 0.5 * given["mask"]).requires_grad_()}  # 0.7 where it is read
    [picture] = draw(decoder, given, 1)

    batches = [batch(decoder, one, 2) for one in (given, soft)]
    losses = [decoder.denoising_loss([picture], one) for one in batches]
    losses[1].sum().backward()

    assert draw(decoder, soft, 1) == [picture]
    assert torch.allclose(losses[1], losses[0], rtol=1e-6)
    assert soft["mask"].grad[given["mask"] > 0.5].any()


def test_media_of_no_numbers_are_an_error(live: Callable[[str], Any]) -> None:
    decoder = live("StableDiffusionPipeline")
    conditions = decoder.caption_targets(CAPTIONS[:1])

    with pytest.raises(DecodeError, match="not finite"):
        draw(decoder, {"text": conditions["text"] * float("nan")}, 1)


@pytest.mark.parametrize("name", LARGE)
def test_half_the_precision_makes_media_too(name: str, saved: Saved) -> None:
    spec = spec_of(name, saved(name))
    half = build(spec, saved(name), **ASKED[spec.modality]).to(torch.bfloat16)

    conditions = half.caption_targets(CAPTIONS[:1])
    made = draw(half, conditions, 1)

    assert {value.dtype for value in conditions.values()} == {torch.bfloat16}
    assert made[0].data.std() > 0


@pytest.mark.parametrize("name", ["StableDiffusionPipeline", *LARGE])
def test_the_autoencoder_may_have_a_precision_of_its_own(name: str, saved: Saved) -> None:
    spec = spec_of(name, saved(name))
    plain = build(spec, saved(name), **ASKED[spec.modality])
    mixed = build(spec, saved(name), **ASKED[spec.modality], vae_dtype="float32")

    mixed.to(device="cpu", dtype=torch.bfloat16).to("cpu")
    conditions = mixed.caption_targets(CAPTIONS[:1])
    made = draw(mixed, conditions, 1)
    losses = mixed.denoising_loss(made, batch(mixed, conditions, 2))

    wanted, found = plain.pipe.vae.state_dict(), mixed.pipe.vae.state_dict()
    assert all(torch.equal(found[key], value) for key, value in wanted.items())
    assert getattr(mixed.pipe, mixed.family.denoiser).dtype == torch.bfloat16
    assert made[0].data.std() > 0
    assert losses.isfinite().all()
