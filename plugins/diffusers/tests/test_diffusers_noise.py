"""Noise, targets and weights of the denoising loss are those of the papers, worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import diffusers
import pytest
import torch
from diffusers import (
    CosineDPMSolverMultistepScheduler,
    DDIMScheduler,
    EDMDPMSolverMultistepScheduler,
    EDMEulerScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    UniPCMultistepScheduler,
)
from drawing import seeds

from nextgpt_diffusers.noise import Noised, loss, noised, snr_weights
from nextgpt_diffusers.samplers import DDPM, process_of, sampler
from nextgpt_registry.errors import DecodeError

FLOW = UniPCMultistepScheduler(
    prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
)


def diffusion(kind: str, **more: Any) -> Any:
    return DDIMScheduler(beta_schedule="linear", prediction_type=kind, **more)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_the_target_is_of_the_schedulers_own_kind(kind: str) -> None:
    clean, published = torch.randn(2, 4, 3, 3), diffusion(kind)

    far = noised(clean, seeds(1, 2), published)

    kept = torch.cumprod(1 - torch.linspace(0.0001, 0.02, 1000), 0)[far.times]
    a, b = (value.sqrt()[:, None, None, None] for value in (kept, 1 - kept))
    noise = (far.latents - a * clean) / b
    wanted = {"epsilon": noise, "sample": clean, "v_prediction": a * noise - b * clean}[kind]
    assert torch.allclose(far.target, wanted, atol=1e-4)


def test_min_snr_is_what_the_paper_says() -> None:
    snr = torch.tensor([9.0, 0.5])

    found = {
        kind: snr_weights(snr, kind, 5.0).tolist() for kind in ("epsilon", "v_prediction", "sample")
    }

    assert found["epsilon"] == pytest.approx([5 / 9, 1.0])
    assert found["v_prediction"] == pytest.approx([5 / 10, 0.5 / 1.5])
    assert found["sample"] == pytest.approx([5.0, 0.5])
    assert snr_weights(snr, "epsilon", None).tolist() == [1.0, 1.0]
    assert snr_weights(torch.zeros(1), "epsilon", 5.0).tolist() == [1.0]


def test_each_item_has_its_own_weight_and_mean() -> None:
    target = torch.tensor([[[1.0, 1.0]], [[2.0, 4.0]]])

    far = Noised(target, torch.zeros(2), target, torch.tensor([1.0, 0.5]))

    assert loss(torch.zeros_like(target), far).tolist() == [1.0, 5.0]
    clean = torch.randn(3, 2)
    weighed = noised(clean, seeds(1, 2, 3), diffusion("sample"), min_snr=5.0).weights
    alone = noised(clean[1:2], seeds(2), diffusion("sample"), min_snr=5.0).weights
    assert len(set(weighed.tolist())) > 1
    assert weighed[1] == alone[0]


def test_a_flow_is_a_straight_line() -> None:
    clean = torch.randn(2, 4, 3)

    far = noised(clean, seeds(1, 2), FLOW)

    even = torch.stack([torch.rand((), generator=one) for one in seeds(1, 2)])
    sigmas = 3 * even / (1 + 2 * even)
    assert torch.allclose(far.times, 1000 * sigmas)
    back = far.latents - sigmas[:, None, None] * far.target
    assert torch.allclose(back, clean, atol=1e-5)
    with pytest.raises(DecodeError, match="min_snr"):
        noised(clean, seeds(1, 2), FLOW, min_snr=5.0)


def test_continuous_time_is_that_of_its_sampler() -> None:
    clean, published = torch.randn(1, 4, 3), CosineDPMSolverMultistepScheduler()

    far = noised(clean, seeds(1), published, min_snr=5.0)

    sigma = torch.tan(far.times * math.pi / 2)
    assert torch.allclose(published.precondition_noise(sigma), far.times)
    sample = far.latents / torch.cos(far.times * math.pi / 2)
    back = published.precondition_outputs(sample, far.target, sigma)
    assert torch.allclose(back, clean, atol=1e-5)
    snr = 1 / sigma.square()
    assert torch.allclose(far.weights, snr.clamp(max=5.0) / (snr + 1))


def test_samplers_fit_what_is_predicted() -> None:
    assert process_of(FlowMatchEulerDiscreteScheduler()) == process_of(FLOW) == "flow"
    euler = sampler(FLOW, "euler", who="wan")
    assert euler.config.shift == 3.0
    solver = sampler(FlowMatchEulerDiscreteScheduler(shift=2.0), "dpm++", who="wan")
    assert (solver.config.flow_shift, solver.config.use_flow_sigmas) == (2.0, True)
    v = sampler(diffusion("v_prediction"), "unipc", who="sd")
    assert (v.config.prediction_type, v.config.beta_schedule) == ("v_prediction", "linear")

    with pytest.raises(DecodeError, match="does not fit") as caught:
        sampler(FLOW, "ddim", who="wan")
    assert "published, dpm++, euler, unipc" in caught.value.fix
    with pytest.raises(DecodeError, match="does not fit"):
        sampler(CosineDPMSolverMultistepScheduler(), "dpm++", who="stable audio")


@pytest.mark.parametrize(
    "published",
    [
        EDMDPMSolverMultistepScheduler(),
        EDMEulerScheduler(),
        EulerDiscreteScheduler(timestep_type="continuous", prediction_type="v_prediction"),
        UniPCMultistepScheduler(prediction_type="flow_prediction"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_noise_that_is_not_known_is_not_taken_for_ddpms(published: Any) -> None:
    with pytest.raises(DecodeError, match=f"has a {type(published).__name__}") as caught:
        noised(torch.randn(1, 4, 3, 3), seeds(1), published, who="xl")
    with pytest.raises(DecodeError, match="does not fit"):
        sampler(published, "euler", who="xl")

    assert "denoising: 0" in caught.value.fix
    assert type(sampler(published, "published", who="xl")) is type(published)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of numpy, in diffusers
@pytest.mark.parametrize("name", sorted(DDPM - {"DPMSolverSDEScheduler"}))
def test_the_known_schedulers_add_the_noise_of_ddpm(name: str) -> None:
    """Those that scale by sigma add the same, in other units; betas are those of each class."""
    published = getattr(diffusers, name)(beta_schedule="linear", prediction_type="epsilon")
    clean = torch.randn(1, 4, 3, 3)

    far = noised(clean, seeds(1), published)

    kept = published.alphas_cumprod[far.times]
    wanted = kept.sqrt() * clean + (1 - kept).sqrt() * far.target
    assert torch.allclose(far.latents, wanted, atol=1e-5)


def test_a_sampler_is_new_for_each_call() -> None:
    published = diffusion("epsilon")

    assert sampler(published, "published", who="sd") is not published
