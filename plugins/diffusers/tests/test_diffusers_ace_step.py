"""ACE-Step learns on the latents, times and words that its own call makes sound with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from drawing import draw as hear
from drawing import seeds

from nextgpt_diffusers import describe
from nextgpt_diffusers.ace_step import LYRICS, AceStepPipeline
from nextgpt_diffusers.decoders import DECODERS
from nextgpt_diffusers.family import default
from nextgpt_diffusers.models import AceStepTurbo
from nextgpt_diffusers.noise import Noised, draw, loss, noised
from nextgpt_diffusers.options import AceStepOptions
from nextgpt_diffusers.pipelines import ACE_STEP_TOKENS
from nextgpt_registry.errors import DecodeError
from nextgpt_registry.media import Media

SECONDS = 0.5


@pytest.fixture(scope="module")
def twin() -> Any:
    """The named decoder, narrow: guidance is distilled into it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = AceStepTurbo(AceStepOptions(narrow=16, steps=3, seconds=SECONDS))
        made.pipe.condition_encoder.silence_latent.normal_()
    return made.eval().requires_grad_(False)


def test_texts_are_those_of_its_call_and_then_zeros(twin: Any) -> None:
    given = twin.caption_targets(["rain", "a bell far away"])
    found = given["text"]

    said, there, *_ = diffusers.AceStepPipeline.encode_prompt(
        twin.pipe, "rain", LYRICS, torch.device("cpu"), audio_duration=SECONDS
    )
    assert default(twin.pipe, "max_text_length") == ACE_STEP_TOKENS
    assert found.shape == (2, ACE_STEP_TOKENS, 1024)
    assert torch.equal(found[0, : said.shape[1]], said[0])
    assert there.all()
    assert not found[0, said.shape[1] :].any()
    assert given["mask"].shape == (2, ACE_STEP_TOKENS, 1)
    assert given["mask"][0, :, 0].tolist() == [n < said.shape[1] for n in range(ACE_STEP_TOKENS)]


def test_a_text_says_the_seconds(twin: Any) -> None:
    short, long = (
        twin.family.encode(
            twin.pipe, ["rain"], twin.options.model_copy(update={"seconds": seconds})
        )
        for seconds in (1.0, 2.0)
    )

    assert not torch.equal(short["text"], long["text"])


def test_latents_are_the_autoencoders_at_its_rate(twin: Any) -> None:
    vae = twin.pipe.vae
    wave = np.random.default_rng(0).uniform(-1, 1, 30_000).astype(np.float32)

    found = twin.family.latents(twin.pipe, [Media("audio", wave, 48_000.0)], twin.options, seeds(1))

    whole = torch.zeros(1, 2, 13 * 1920)
    whole[..., :24_000] = torch.from_numpy(wave[:24_000])  # half a second, and 25 latents in one
    spread = vae.encode(whole).latent_dist
    wanted = spread.mean + spread.std * draw(spread.mean.shape[1:], seeds(1), spread.mean)
    assert found.shape == (1, 13, 8)
    assert torch.allclose(found, wanted.transpose(1, 2))


def test_times_are_moved_as_its_call_moves_them(twin: Any) -> None:
    clean = torch.randn(1, 13, 8, generator=seeds(2)[0])
    shift = twin.family.shift(twin.pipe, clean, twin.options)
    twin.pipe(
        prompt="rain", lyrics=LYRICS, audio_duration=SECONDS, num_inference_steps=3,
        guidance_scale=1.0,
    )  # fmt: skip

    far = noised(clean, seeds(7), twin.pipe.scheduler, shift=shift)

    even = torch.tensor([1.0, 2 / 3, 1 / 3])
    sigmas = twin.pipe.scheduler.sigmas[:-1]
    assert torch.allclose(sigmas, shift * even / (1 + (shift - 1) * even))
    drawn = torch.rand((), generator=seeds(7)[0])
    part = shift * drawn / (1 + (shift - 1) * drawn)
    assert torch.allclose(far.times, 1000 * part)
    assert torch.allclose(far.latents - part * far.target, clean, atol=1e-5)
    assert loss(far.target, far).tolist() == [0.0]


def test_the_loss_asks_the_denoiser_what_a_step_asks(twin: Any) -> None:
    noise = torch.randn(1, 13, 8, generator=seeds(3)[0])
    given = twin.caption_targets(["rain"])

    ours = twin.family.predict(
        twin.pipe, Noised(noise, torch.tensor([1000.0]), noise, torch.ones(1)), given, twin.options
    )
    made = twin.pipe(
        prompt="rain",
        lyrics=LYRICS,
        audio_duration=SECONDS,
        num_inference_steps=1,
        guidance_scale=1.0,
        latents=noise,
        output_type="latent",
    ).audios

    assert torch.allclose(noise - ours, made, atol=1e-5)


def test_guidance_and_negatives_are_not_asked_for(twin: Any) -> None:
    given = twin.caption_targets(["rain"])

    [sound] = hear(twin, given, 1)

    assert twin.pipe.guidance_scale == 1.0  # more would be ignored, and warned of
    assert (sound.data.shape, sound.rate) == ((24_000,), 48_000.0)
    with pytest.raises(DecodeError, match="guidance is 7, and went into its weights"):
        hear(twin, given, 1, guidance=7.0)
    with pytest.raises(DecodeError, match="'dpm\\+\\+' does not fit"):
        hear(twin, given, 1, scheduler="dpm++")
    with pytest.raises(DecodeError, match="leads away from no words"):
        twin.family.away(twin.pipe, "noise", twin.options)


def test_what_the_mask_does_not_read_is_not_heard(twin: Any) -> None:
    given = twin.caption_targets(["rain"])
    near = given["text"] + 0.01 * (1 - given["mask"])  # as something learned comes near to zeros
    unsure = 0.6 * given["mask"] + 0.3 * (1 - given["mask"])

    assert hear(twin, {"text": near, "mask": unsure}, 1) == hear(twin, given, 1)
    assert hear(twin, {"text": near, "mask": torch.ones_like(unsure)}, 1) != hear(twin, given, 1)


def test_the_loss_says_what_should_be_read(twin: Any) -> None:
    noise = torch.randn(1, 13, 8, generator=seeds(3)[0])
    given = twin.caption_targets(["rain"])
    mask = given["mask"].clone().requires_grad_()

    made = twin.family.predict(
        twin.pipe,
        Noised(noise, torch.tensor([500.0]), noise, torch.ones(1)),
        {**given, "mask": mask},
        twin.options,
    )
    made.square().mean().backward()

    assert mask.grad is not None
    assert mask.grad.any()


def test_nothing_to_read_is_heard_too(twin: Any) -> None:
    nothing = {
        "text": torch.zeros(1, ACE_STEP_TOKENS, 1024),
        "mask": torch.zeros(1, ACE_STEP_TOKENS, 1),
    }

    [sound] = hear(twin, nothing, 1)

    assert np.isfinite(sound.data).all()


def test_a_folder_is_opened_as_the_class_that_takes_states(saved: Callable[[str], Path]) -> None:
    paths = {"pipeline": saved("AceStepPipeline")}
    generic = next(d for d in DECODERS if d.name == "diffusers" and d.modality == "audio")
    decoder = AceStepTurbo(AceStepOptions(narrow=16))

    decoder.load(paths)

    assert type(decoder.pipe) is AceStepPipeline
    assert describe(generic, paths).max_batch == 1  # what pads a text is read
