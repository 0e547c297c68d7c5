"""The pieces of training: the shared beginning, losses, caches, settings, export."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from nextgpt_core.features.cache import TensorCache
from nextgpt_core.features.media import Features
from nextgpt_core.model import NextGPT
from nextgpt_core.pipeline import Pipeline
from nextgpt_core.prompt.compose import Prompt
from nextgpt_core.testing import SystemKit, glyph
from nextgpt_core.training.export import export_parts
from nextgpt_core.training.forward import Starts, common_start, forward
from nextgpt_core.training.losses import alignment
from nextgpt_core.training.media import Composing
from nextgpt_core.training.optimizer import factor
from nextgpt_core.training.settings import RunSettings, split_overrides, stage_of
from nextgpt_core.training.start import for_training
from nextgpt_registry import MediaPart, Message, TrainingError
from nextgpt_registry.config import Config
from nextgpt_registry.tensors import load_compact

NO_CACHE = {"memory_bytes": 1 << 20, "disk_bytes": 0}


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return SystemKit(tmp_path).pipeline()


def dialogue(number: int) -> tuple[Message, ...]:
    made = MediaPart("glyph", glyph(number), caption=f"glyph {number}")
    return (
        Message("user", (MediaPart("glyph", glyph(number)), "Like this, but " + "much " * number)),
        Message("assistant", ("Here: ", made, " and so on.")),
    )


def composed(pipeline: Pipeline, count: int = 4) -> tuple[list[Prompt], dict[Any, Tensor]]:
    cache = TensorCache(None, **NO_CACHE)
    composing = Composing(pipeline.system, cache)
    prompts = [composing(dialogue(n)) for n in range(count)]
    slots = [slot for prompt in prompts for slot in prompt.features]
    features = Features(pipeline.system, cache, training=True)
    return prompts, features.reading().projected(slots)


def gradients(model: NextGPT) -> list[Tensor]:
    return [p.grad.clone() for p in model.parameters() if p.grad is not None]


def test_encoders_compute_the_same_bits_under_a_callers_autocast(pipeline: Pipeline) -> None:
    [encoder] = pipeline.system.encoders.values()
    [plain] = encoder.encode([glyph(1)])

    with torch.autocast("cpu", torch.bfloat16):
        [cast] = encoder.encode([glyph(1)])

    assert torch.equal(plain, cast)


@pytest.mark.parametrize("starts", [None, {}])
def test_a_shared_beginning_changes_no_loss_state_or_gradient(
    pipeline: Pipeline, starts: Starts | None
) -> None:
    model = pipeline.system.model
    found = []
    for size in (1, 4):  # each alone, and all together
        model.trainable(("input", "signals"))
        model.zero_grad()
        prompts, features = composed(pipeline)
        outs = [
            forward(model, prompts[n : n + size], features, starts=starts)
            for n in range(0, len(prompts), size)
        ]
        states = torch.cat([group.hidden_SD for out in outs for group in out.groups])
        losses = torch.cat([out.losses_N for out in outs])
        (losses.mean() + states.square().mean()).backward()
        found.append((losses, states, gradients(model)))

    (losses, states, grads), shared = found
    assert common_start(prompts) >= 8
    torch.testing.assert_close(shared[0], losses, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(shared[1], states, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(shared[2], grads, rtol=1e-3, atol=1e-4)


def test_a_kept_beginning_is_computed_once(pipeline: Pipeline) -> None:
    starts: Starts = {}
    prompts, features = composed(pipeline)

    with torch.no_grad():
        first = forward(pipeline.system.model, prompts, features, starts=starts)
        again = forward(pipeline.system.model, prompts, features, starts=starts)

    assert len(starts) == 1
    assert torch.equal(first.losses_N, again.losses_N)


def test_alignment_is_the_mean_square_over_tokens_and_width() -> None:
    conditions = {"a": torch.zeros(2, 3, 4), "b": torch.zeros(2, 1, 2)}
    targets = {"a": torch.full((2, 3, 4), 2.0), "b": torch.ones(2, 1, 2)}

    assert alignment(conditions, targets).tolist() == [2.5, 2.5]  # (4 + 1) / 2, no root


def test_alignment_by_norm_is_the_mean_of_the_length_of_a_tokens_error() -> None:
    conditions = {"a": torch.zeros(2, 3, 4), "b": torch.zeros(2, 1, 2)}
    targets = {"a": torch.full((2, 3, 4), 2.0), "b": torch.tensor([3.0, 4.0]).expand(2, 1, 2)}

    assert alignment(conditions, targets, form="norm").tolist() == [4.5, 4.5]  # (4 + 5) / 2


def test_alignment_by_norm_of_wide_conditions_is_as_large_as_the_released_codes() -> None:
    draw = torch.Generator().manual_seed(0)

    for tokens, width, size in ((77, 768, 39.2), (77, 1024, 45.3), (1, 512, 31.2)):
        x, y = (torch.randn(64, tokens, width, generator=draw) for _ in range(2))
        found = alignment({"a": x}, {"a": y}, form="norm").mean()
        assert float(found) == pytest.approx(size, rel=0.03)  # of one draw each


def test_alignment_by_norm_has_a_gradient_where_there_is_no_error() -> None:
    same = torch.ones(1, 2, 3, requires_grad=True)

    alignment({"a": same}, {"a": torch.ones(1, 2, 3)}, form="norm").sum().backward()

    assert same.grad is not None
    assert same.grad.tolist() == torch.zeros(1, 2, 3).tolist()


def test_the_rate_warms_up_and_decays_to_nothing() -> None:
    settings = RunSettings(steps=10, warmup=0.2)

    rates = [factor(step, settings) for step in range(10)]

    assert rates[:3] == [0.5, 1.0, 1.0]
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert rates[-1] == pytest.approx(1 / 8)


def test_a_cache_gives_back_the_same_bits_from_disk(tmp_path: Path) -> None:
    made = torch.randn(3, 5).half()
    first = TensorCache(tmp_path, memory_bytes=1 << 20, disk_bytes=1 << 20)
    first.get_or_make("encoder", ["a"], lambda _: [made])

    second = TensorCache(tmp_path, memory_bytes=1 << 20, disk_bytes=1 << 20)
    [found] = second.get_or_make("encoder", ["a"], lambda _: [torch.zeros(1)])

    assert second.made == 0
    assert found.dtype == made.dtype
    assert torch.equal(found, made)


def test_a_cache_stays_within_its_bound_and_forgets_the_oldest(tmp_path: Path) -> None:
    cache = TensorCache(tmp_path, memory_bytes=0, disk_bytes=10_000)

    for name in "abcdef":
        cache.get_or_make("x", [name], lambda _: [torch.zeros(1000)])
        cache.get_or_make("x", ["a"], lambda _: [torch.zeros(1000)])

    files = list(tmp_path.glob("*/*.safetensors"))
    assert sum(file.stat().st_size for file in files) <= 10_000
    assert cache.made == 6  # `a` was used all the time


def test_a_torn_file_in_a_cache_is_made_again(tmp_path: Path) -> None:
    cache = TensorCache(tmp_path, memory_bytes=0, disk_bytes=1 << 20)
    cache.get_or_make("x", ["a"], lambda _: [torch.ones(100)])
    [file] = tmp_path.glob("*/*.safetensors")
    file.write_bytes(file.read_bytes()[:-10])

    [found] = cache.get_or_make("x", ["a"], lambda _: [torch.ones(100)])

    assert torch.equal(found, torch.ones(100))
    assert cache.made == 2


def test_settings_of_a_run_are_told_from_those_of_a_config() -> None:
    given = ["lr=1e-3", "rates.lora=0.5", "llm.device=cpu"]

    assert split_overrides("encode", given) == [
        "training.encode.run.lr=1e-3",
        "training.encode.run.rates.lora=0.5",
        "llm.device=cpu",
    ]
    with pytest.raises(TrainingError, match="stepz"):
        split_overrides("encode", ["stepz=3"])


def test_a_stage_without_data_is_told_with_those_that_have() -> None:
    data = {"target": "a:b"}
    config = Config.model_validate({"llm": {"path": "file:x"}, "training": {"decode": data}})

    with pytest.raises(TrainingError, match="its stages: decode"):
        stage_of(config, "encode")


def test_a_decoder_stays_in_place_until_its_gradient_is_taken() -> None:
    painter = {"name": "painter", "offload": True, "executor": "process"}
    config = Config.model_validate(
        {"llm": {"path": "file:x"}, "modalities": {"glyph": {"decoder": painter}}}
    )

    plain, denoised = (
        for_training(config, RunSettings(denoising=weight)).modalities["glyph"].decoder
        for weight in (0.0, 0.1)
    )

    assert (plain.executor, plain.offload) == ("inline", True)
    assert (denoised.executor, denoised.offload) == ("inline", False)


def test_exported_parts_are_what_a_config_names(pipeline: Pipeline, tmp_path: Path) -> None:
    parts = pipeline.system.model.state_by_part()

    told = export_parts(parts, tmp_path / "weights")

    assert told.startswith("weights:\n")
    assert {path.stem for path in (tmp_path / "weights").iterdir()} == set(parts)
    for part, tensors in parts.items():
        assert f'{part}: {{source: "file:{part}.safetensors", sha256: ' in told
        found = load_compact(tmp_path / "weights" / f"{part}.safetensors")
        for name, tensor in tensors.items():
            torch.testing.assert_close(found[name], tensor, rtol=0.02, atol=0.02)


def test_settings_are_read_without_torch() -> None:
    code = "import nextgpt_core.training.settings, sys; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
