"""FLUX.2 klein learns on the latents, times and words that its own pipeline draws with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from drawing import draw, seeds

from nextgpt_diffusers.family import default
from nextgpt_diffusers.models import Flux2Klein4b
from nextgpt_diffusers.noise import Noised, loss, noised
from nextgpt_diffusers.options import Flux2KleinOptions
from nextgpt_diffusers.pipelines import FLUX2_TOKENS
from nextgpt_registry.errors import DecodeError
from nextgpt_registry.media import Media

SIZE = {"height": 64, "width": 96}


@pytest.fixture(scope="module")
def twin() -> Any:
    """The named decoder, narrow: guidance is distilled into it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = Flux2Klein4b(Flux2KleinOptions(narrow=16, steps=3, **SIZE))
    made.pipe.vae.bn.running_mean.copy_(torch.linspace(-1, 1, 16))
    made.pipe.vae.bn.running_var.copy_(torch.linspace(0.5, 2, 16))
    return made.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def picture() -> Media:
    return Media("image", np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8))


def test_texts_are_as_long_as_its_call_makes_them(twin: Any) -> None:
    found = twin.caption_targets(["a red cat"])["text"]

    assert default(twin.pipe, "max_sequence_length") == FLUX2_TOKENS
    assert found.shape == (1, FLUX2_TOKENS, 7680)


def test_latents_are_those_that_its_call_decodes(twin: Any, picture: Media) -> None:
    pipe, vae = twin.pipe, twin.pipe.vae

    found = twin.family.latents(pipe, [picture], twin.options, seeds(1))

    scale = torch.sqrt(vae.bn.running_var + vae.config.batch_norm_eps)
    back = found * scale[:, None, None] + vae.bn.running_mean[:, None, None]
    pixels = torch.from_numpy(picture.data).movedim(2, 0)[None] / 127.5 - 1
    wanted = vae.encode(pixels).latent_dist.mode()
    assert torch.allclose(pipe._unpatchify_latents(back), wanted, atol=1e-5)


def test_times_are_moved_as_its_call_moves_them(twin: Any, picture: Media) -> None:
    pipe = twin.pipe
    draw(twin, twin.caption_targets(["a red cat"]), 1)
    pipe(
        prompt="a cat",
        num_inference_steps=3,
        guidance_scale=1.0,
        generator=seeds(1),
        output_type="latent",
        **SIZE,
    )
    sigmas = pipe.scheduler.sigmas[:-1]

    latents = twin.family.latents(pipe, [picture], twin.options, seeds(1))
    shift = twin.family.shift(pipe, latents, twin.options)
    far = noised(latents, seeds(7), pipe.scheduler, shift=shift)

    even = torch.linspace(1.0, 1 / 3, 3)
    assert torch.allclose(sigmas, shift * even / (1 + (shift - 1) * even))
    drawn = torch.rand((), generator=seeds(7)[0])
    part = shift * drawn / (1 + (shift - 1) * drawn)
    assert torch.allclose(far.times, 1000 * part)
    assert torch.allclose(far.latents - part * far.target, latents, atol=1e-5)
    assert loss(far.target, far).tolist() == [0.0]


def test_the_loss_asks_the_denoiser_what_a_step_asks(twin: Any) -> None:
    pipe, text = twin.pipe, twin.caption_targets(["a red cat"])["text"]
    noise = torch.randn(1, 16, 4, 6, generator=seeds(3)[0])

    ours = twin.family.predict(
        pipe, Noised(noise, torch.tensor([1000.0]), noise, torch.ones(1)), {"text": text}, None
    )
    made = pipe(
        prompt_embeds=text,
        num_inference_steps=1,
        guidance_scale=1.0,
        latents=noise,
        output_type="latent",
        **SIZE,
    ).images

    vae = pipe.vae
    scale = torch.sqrt(vae.bn.running_var + vae.config.batch_norm_eps)
    back = (noise - ours) * scale[:, None, None] + vae.bn.running_mean[:, None, None]
    assert torch.allclose(pipe._unpatchify_latents(back), made, atol=1e-5)


def test_distilled_guidance_is_not_asked_for(twin: Any) -> None:
    text = twin.caption_targets(["a red cat"])["text"]

    draw(twin, {"text": text}, 1)

    assert twin.pipe.guidance_scale == 1.0  # more would be ignored, and warned of
    with pytest.raises(DecodeError, match="guidance is 4, and went into its weights"):
        draw(twin, {"text": text}, 1, guidance=4.0)


def test_a_sampler_that_cannot_be_told_its_times_is_refused(twin: Any) -> None:
    text, published = twin.caption_targets(["a red cat"])["text"], twin.pipe.scheduler
    twin.pipe.scheduler = type(published).from_config(published.config, use_dynamic_shifting=False)

    try:
        with pytest.raises(DecodeError, match="'unipc' does not fit") as caught:
            draw(twin, {"text": text}, 1, scheduler="unipc")
        assert draw(twin, {"text": text}, 1, scheduler="euler")
    finally:
        twin.pipe.scheduler = published

    assert caught.value.fix == "use one of: published, euler"
