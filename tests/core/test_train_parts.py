"""The pieces of training: the shared beginning, losses, batches, caches, settings, export."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from nextgpt_core.compose import Prompt
from nextgpt_core.model import NextGPT
from nextgpt_core.pipeline import Pipeline
from nextgpt_core.testing import SystemKit, glyph
from nextgpt_core.train.cache import TensorCache
from nextgpt_core.train.data import Batches, Dialogues, Rehearsed
from nextgpt_core.train.export import export_parts
from nextgpt_core.train.forward import Starts, common_start, forward
from nextgpt_core.train.losses import alignment
from nextgpt_core.train.media import Composing, project_features
from nextgpt_core.train.optimizer import factor
from nextgpt_core.train.settings import RunSettings, split_overrides, stage_of
from nextgpt_registry import MediaPart, TrainingError, Turn
from nextgpt_registry.config import Config
from nextgpt_registry.tensors import load_compact

NO_CACHE = {"memory_bytes": 1 << 20, "disk_bytes": 0}


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return SystemKit(tmp_path).pipeline()


def dialogue(number: int) -> tuple[Turn, ...]:
    made = MediaPart("glyph", glyph(number), caption=f"glyph {number}")
    return (
        Turn("user", (MediaPart("glyph", glyph(number)), "Like this, but " + "much " * number)),
        Turn("assistant", ("Here: ", made, " and so on.")),
    )


def composed(pipeline: Pipeline, count: int = 4) -> tuple[list[Prompt], dict[Any, Tensor]]:
    cache = TensorCache(None, **NO_CACHE)
    composing = Composing(pipeline.system, cache)
    prompts = [composing(dialogue(n)) for n in range(count)]
    slots = [slot for prompt in prompts for slot in prompt.features]
    return prompts, project_features(pipeline.system, cache, slots)


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
    runs = (model.forward_train, lambda *given: forward(model, *given, starts=starts))
    found = []
    for run in runs:
        model.trainable(("input", "signals"))
        model.zero_grad()
        prompts, features = composed(pipeline)
        out = run(prompts, features)
        states = torch.cat([group.hidden_SD for group in out.groups])
        (out.ce + states.square().mean()).backward()
        found.append((out.ce, out.tokens, states, gradients(model)))

    (ce, tokens, states, grads), shared = found
    assert common_start(prompts) >= 8
    assert shared[1] == tokens
    torch.testing.assert_close(shared[0], ce)
    torch.testing.assert_close(shared[2], states, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(shared[3], grads, rtol=1e-3, atol=1e-4)


def test_a_kept_beginning_is_computed_once(pipeline: Pipeline) -> None:
    starts: Starts = {}
    prompts, features = composed(pipeline)

    with torch.no_grad():
        first = forward(pipeline.system.model, prompts, features, starts=starts)
        again = forward(pipeline.system.model, prompts, features, starts=starts)

    assert len(starts) == 1
    assert torch.equal(first.ce, again.ce)


def test_alignment_is_the_mean_square_over_tokens_and_width() -> None:
    conditions = {"a": torch.zeros(2, 3, 4), "b": torch.zeros(2, 1, 2)}
    targets = {"a": torch.full((2, 3, 4), 2.0), "b": torch.ones(2, 1, 2)}

    assert alignment(conditions, targets).tolist() == [2.5, 2.5]  # (4 + 1) / 2, no root


def test_the_rate_warms_up_and_decays_to_nothing() -> None:
    settings = RunSettings(steps=10, warmup=0.2)

    rates = [factor(step, settings) for step in range(10)]

    assert rates[:3] == [0.5, 1.0, 1.0]
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert rates[-1] == pytest.approx(1 / 8)


def length(turns: Sequence[Turn]) -> Prompt:
    size = len(turns[0].text)
    return Prompt(ids=(0,) * size, keys=(0,) * size, labels=(0,) * size)


class Numbered:
    """Dialogue n is n % 7 + 1 letters long."""

    def __getitem__(self, number: int) -> tuple[Turn, ...]:
        return (Turn("user", ("x" * (number % 7 + 1),)), Turn("assistant", (str(number),)))


def numbers(passes: list[list[Any]]) -> list[int]:
    return [int(example.turns[1].text) for examples in passes for example in examples]


def test_batches_are_alike_in_length_and_follow_from_their_number() -> None:
    settings = RunSettings(batch=4, window=3, accumulation=2, workers=2)

    def passes(steps: Sequence[int]) -> list[list[Any]]:
        batches = Batches(Dialogues(Numbered(), keep=0, seed=0), length, settings)
        found = [one for step in steps for one in batches.step(step)]
        batches.close()
        return found

    whole = passes(range(3))

    assert sorted(numbers(whole)) == list(range(24))
    assert numbers(passes([2])) == numbers(whole[4:])
    spread = [max(map(span, part)) - min(map(span, part)) for part in whole]
    assert max(spread) <= 3


def test_a_large_batch_goes_through_in_parts() -> None:
    settings = RunSettings(batch=8, window=1, pass_tokens=20, workers=0)
    batches = Batches(Dialogues(Numbered(), keep=0, seed=0), length, settings)

    passes = batches.step(0)
    batches.close()

    assert sorted(numbers(passes)) == list(range(8))
    assert len(passes) == 3
    assert all(len(part) * max(map(span, part)) <= 21 for part in passes)


def span(example: Any) -> int:
    return len(example.prompt)


def test_a_finite_source_is_gone_through_in_another_order_each_time() -> None:
    source = [Numbered()[n] for n in range(40)]
    dialogues = Dialogues(source, keep=8, seed=0)

    first = [dialogues.training(n)[1].text for n in range(36)]
    second = [dialogues.training(n)[1].text for n in range(36, 72)]
    kept = [turns[1].text for turns in dialogues.kept(8)]

    assert kept == ["36", "37", "38", "39"]  # a tenth is the most that is spared
    assert sorted(first) == sorted(second) == sorted(map(str, range(36)))
    assert first != second


def test_what_is_kept_from_an_endless_source_is_never_trained_on() -> None:
    dialogues = Dialogues(Numbered(), keep=3, seed=0)

    kept = [int(turns[1].text) for turns in dialogues.kept(3)]

    assert min(kept) > 10**12


def test_of_an_endless_source_so_many_may_be_enough() -> None:
    dialogues = Dialogues(Numbered(), keep=3, seed=0, of=5)

    passes = [[dialogues.training(5 * n + k)[1].text for k in range(5)] for n in range(3)]

    assert [sorted(one) for one in passes] == [["0", "1", "2", "3", "4"]] * 3
    assert len({tuple(one) for one in passes}) > 1
    assert min(int(turns[1].text) for turns in dialogues.kept(3)) > 10**12


@pytest.mark.parametrize("share", [0.25, 0.5, 0.7])
def test_rehearsal_mixes_a_share_of_others_in_and_passes_none_over(share: float) -> None:
    own, first, second = (Dialogues(Numbered(), keep=3, seed=0, of=of) for of in (0, 1, 1))
    mixed = Rehearsed(own, [first, second], share)

    sources = {id(own): "own", id(first): "first", id(second): "second"}
    asked: dict[str, list[int]] = {name: [] for name in sources.values()}

    def spy(dialogues: Dialogues) -> None:
        training, name = dialogues.training, sources[id(dialogues)]

        def told(number: int) -> Any:
            asked[name].append(number)
            return training(number)

        dialogues.training = told  # type: ignore[method-assign]

    for dialogues in (own, first, second):
        spy(dialogues)
    for number in range(40):
        mixed.training(number)

    others = len(asked["first"]) + len(asked["second"])
    assert others == pytest.approx(40 * share, abs=1)
    assert all(numbers == list(range(len(numbers))) for numbers in asked.values())
    assert len(asked["first"]) - len(asked["second"]) in (0, 1)
    assert mixed.kept(3) == own.kept(3)


@pytest.mark.parametrize("source", [[], 3, [("no", "turns")]])
def test_a_source_that_is_none_is_told(source: Any) -> None:
    with pytest.raises(TrainingError, match=r"training data|dialogue 0"):
        Dialogues(source, keep=0, seed=0).training(0)


def test_a_cache_gives_back_the_same_bits_from_disk(tmp_path: Path) -> None:
    made = torch.randn(3, 5).half()
    first = TensorCache(tmp_path, memory_bytes=1 << 20, disk_bytes=1 << 20)
    first.get_or_make("encoder", ["a"], lambda name: made)

    second = TensorCache(tmp_path, memory_bytes=1 << 20, disk_bytes=1 << 20)
    [found] = second.get_or_make("encoder", ["a"], lambda name: torch.zeros(1))

    assert second.made == 0
    assert found.dtype == made.dtype
    assert torch.equal(found, made)


def test_a_cache_stays_within_its_bound_and_forgets_the_oldest(tmp_path: Path) -> None:
    cache = TensorCache(tmp_path, memory_bytes=0, disk_bytes=10_000)

    for name in "abcdef":
        cache.get_or_make("x", [name], lambda name: torch.zeros(1000))
        cache.get_or_make("x", ["a"], lambda name: torch.zeros(1000))

    files = list(tmp_path.glob("*/*.safetensors"))
    assert sum(file.stat().st_size for file in files) <= 10_000
    assert cache.made == 6  # `a` was used all the time


def test_a_torn_file_in_a_cache_is_made_again(tmp_path: Path) -> None:
    cache = TensorCache(tmp_path, memory_bytes=0, disk_bytes=1 << 20)
    cache.get_or_make("x", ["a"], lambda name: torch.ones(100))
    [file] = tmp_path.glob("*/*.safetensors")
    file.write_bytes(file.read_bytes()[:-10])

    [found] = cache.get_or_make("x", ["a"], lambda name: torch.ones(100))

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
    code = "import nextgpt_core.train.settings, sys; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
