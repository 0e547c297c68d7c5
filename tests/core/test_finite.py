"""What is not finite is an error, and half precision is not where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import Module

from nextgpt_core.assembly.components import Blame, check_conditions
from nextgpt_core.evaluation.perplexity import surprise
from nextgpt_core.llm.backbone import Backbone
from nextgpt_core.llm.half import HalfLinear, halve
from nextgpt_core.llm.head import all_finite
from nextgpt_core.llm.load import backbone_from_folder
from nextgpt_core.testing import SystemKit, glyph, save_tiny_llm
from nextgpt_registry.errors import ConfigError, ShapeError
from nextgpt_registry.messages import Message


def linear(*rows: list[float], bias: list[float] | None = None) -> torch.nn.Linear:
    made = torch.nn.Linear(len(rows[0]), len(rows), bias=bias is not None)
    made.weight.data = torch.tensor(rows, dtype=torch.float16)
    if bias is not None:
        made.bias.data = torch.tensor(bias)
    return made.requires_grad_(False)


@pytest.mark.parametrize(
    ("x", "weight", "wanted"),
    [
        ([100_000.0, 0.0], [0.5, 1.0], 50_001.0),  # what comes in is too large for float16
        ([60_000.0, 60_000.0], [1.0, 1.0], 120_001.0),  # what comes out
        ([60_000.0, 60_000.0], [-1.0, -1.0], -119_999.0),
        ([2.0, 4.0], [1.0, 1.0], 7.0),
    ],
)
def test_one_position_in_half_is_what_several_are(
    x: list[float], weight: list[float], wanted: float
) -> None:
    half = HalfLinear(linear(weight, bias=[1.0]))
    x_1D = torch.tensor([x])

    assert half(x_1D).item() == wanted
    assert half(x_1D.repeat(2, 1))[1].item() == wanted


def test_a_model_that_overflows_in_half_answers_as_in_float(make_backbone) -> None:
    plain, short = make_backbone("llama").model, make_backbone("llama").model
    with torch.no_grad():
        for model in (plain, short):
            for layer in model.model.layers:
                layer.mlp.up_proj.weight.mul_(3e4)
                layer.mlp.down_proj.weight.mul_(1e-3)
    tokenizer = make_backbone("llama").tokenizer
    plain = plain.half().float()  # the same roundings
    halved = Backbone(halve(short.half()), tokenizer)
    ids_BT = torch.tensor([[7]])

    with torch.no_grad():
        found, wanted = (
            b.run(b.embed(ids_BT)).final_BTD for b in (halved, Backbone(plain, tokenizer))
        )

    assert plain.model.layers[0].mlp.up_proj.weight.abs().max() > 10_000
    torch.testing.assert_close(found, wanted, rtol=2e-2, atol=2e-2)


def test_damaged_weights_are_refused_when_loaded(tmp_path: Path) -> None:
    folder = save_tiny_llm(tmp_path / "llm")
    tensors = load_file(folder / "model.safetensors")
    tensors["model.layers.1.mlp.up_proj.weight"][0, 0] = torch.inf
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})

    with pytest.raises(ConfigError, match=r"infinite|not finite"):
        backbone_from_folder(folder)


def test_a_softcap_hides_no_infinity(make_backbone) -> None:
    backbone = make_backbone("gemma3")

    logits = backbone.logits(torch.full((1, backbone.width), torch.inf))

    assert not logits.isfinite().any()


def test_perplexity_that_is_no_number_is_an_error(make_backbone, kit: SystemKit) -> None:
    backbone = make_backbone("llama")
    backbone.model.model.norm.weight.data[0] = torch.nan
    with kit.pipeline() as pipeline:
        prompt = pipeline.system.composer.compose(
            (Message("user", ("hi",)), Message("assistant", ("ho",))),
            feature_tokens={},
            answer=False,
        )

    with pytest.raises(ShapeError, match="NaN or infinite"):
        surprise(backbone, prompt)


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("model.embed_tokens", "in its embedding or in the attention of layer 1"),
        ("model.layers.0.mlp.down_proj", "after layer 1 or in the attention of layer 2"),
        ("model.layers.1.mlp.down_proj", "after the attention of its last layer, 2"),
        ("model.norm", "after the attention of its last layer, 2"),
    ],
)
def test_a_request_says_where_numbers_were_lost(kit: SystemKit, at: str, words: str) -> None:
    with kit.pipeline() as pipeline:
        model = pipeline.system.model.backbone.model
        weight = model.get_submodule(at).weight
        kept, before = weight.data.clone(), pipeline.chat("hi", max_tokens=4).text
        weight.data.fill_(torch.nan)
        with pytest.raises(ShapeError, match=words) as error:
            pipeline.chat("hello", max_tokens=4)
        weight.data.copy_(kept)

        pipeline.chat("hello", max_tokens=4)  # and nothing of it was kept
        after = pipeline.chat("hi", max_tokens=4).text

    assert "llm.dtype" in error.value.fix
    assert after == before


def test_an_input_projection_that_is_damaged_is_named(kit: SystemKit) -> None:
    with kit.pipeline() as pipeline:
        _damage(pipeline.system.model.inputs)

        with pytest.raises(ShapeError, match="its input projection"):
            pipeline.chat(["hi", glyph()])


def test_an_output_projection_that_is_damaged_costs_its_medium_alone(kit: SystemKit) -> None:
    with kit.pipeline() as pipeline:
        _damage(pipeline.system.model.outputs)

        answer = pipeline.chat("hi", require={"glyph": 1})

    [failed] = answer.failures
    assert isinstance(failed.error, ShapeError)
    assert "its output projection" in str(failed.error)


def _damage(modules: Mapping[str, Module]) -> None:
    for module in modules.values():
        next(module.parameters()).data.fill_(torch.nan)


def test_a_condition_too_large_for_the_decoders_type_is_refused(kit: SystemKit) -> None:
    with kit.pipeline() as pipeline:
        spec = pipeline.system.decoders["glyph"].spec
    [one] = spec.conditions
    condition = torch.full((1, one.tokens, one.width), 1e5).half()

    with pytest.raises(ShapeError, match="no numbers"):
        check_conditions(Blame("toy", "painter"), spec, {one.name: condition}, batch=1)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_large_numbers_are_finite_and_lost_ones_are_not(dtype: torch.dtype) -> None:
    most = torch.finfo(dtype).max
    x = torch.full((3, 5), most, dtype=dtype)
    lost = [x.clone().index_fill_(1, torch.tensor(2), bad) for bad in (torch.inf, torch.nan)]
    both = torch.tensor([torch.inf, -torch.inf, 0], dtype=dtype)

    assert all_finite(x)
    assert not any(map(all_finite, [*lost, both]))
