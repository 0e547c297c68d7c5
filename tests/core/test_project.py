from __future__ import annotations

import pytest
import torch
from torch import nn

from nextgpt_core.project import build_input, build_output
from nextgpt_registry.errors import ConfigError
from nextgpt_registry.projections import INPUT_KINDS, OUTPUT_KINDS
from nextgpt_registry.shapes import size
from nextgpt_registry.sizes import input_shapes, options_of, output_shapes, tokens_out
from nextgpt_registry.specs import Condition

TEXT = Condition(name="text", tokens=7, width=6)
POOLED = Condition(name="pooled", tokens=1, width=10)
SMALL = {"width": 8, "heads": 2, "ffn": 16}
INPUTS = [
    ("linear", {}, 5),
    ("mlp", {"hidden": 9}, 5),
    ("grouping", {**SMALL, "groups": (4, 2), "depth": 1}, 2),
    ("resampler", {**SMALL, "tokens": 3, "depth": 1}, 3),
    ("groupvit", {**SMALL, "groups": (4, 2), "depths": (2, 1, 1)}, 2),
]
POOLING = INPUTS[2:4]  # the last adds no places


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def make_input(kind: str, options: dict[str, object]) -> nn.Module:
    torch.manual_seed(0)
    return build_input(INPUT_KINDS[kind], options, tokens=5, width_in=4, width_llm=12).eval()


@pytest.mark.parametrize(("kind", "options", "tokens"), INPUTS)
def test_inputs_give_the_tokens_they_say(kind, options, tokens) -> None:
    module = make_input(kind, options)

    out = module(torch.randn(2, 5, 4))

    assert out.shape == (2, tokens, 12)
    assert module.tokens == module.tokens_of(5) == tokens


@pytest.mark.parametrize(("kind", "options", "tokens"), POOLING)
def test_order_matters_to_pooling_inputs(kind, options, tokens) -> None:
    module, x_BTW = make_input(kind, options), torch.randn(1, 5, 4)
    nn.init.normal_(module.map.place)

    assert not torch.allclose(module(x_BTW), module(x_BTW.flip(1)), atol=1e-4)


@pytest.mark.parametrize(("kind", "options", "tokens"), INPUTS)
def test_masked_features_equal_absent_ones(kind, options, tokens) -> None:
    module, x_BTW = make_input(kind, options), torch.randn(1, 5, 4)
    mask_BT = torch.tensor([[1, 1, 1, 0, 0]])

    padded = module(x_BTW, mask_BT)

    n = module.tokens_of(3)
    torch.testing.assert_close(padded[:, :n], module(x_BTW[:, :3]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("kind", "options", "tokens"), INPUTS)
def test_every_input_parameter_learns(kind, options, tokens) -> None:
    module = make_input(kind, options).train()

    module(torch.randn(8, 5, 4)).square().sum().backward()

    still = [n for n, p in module.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


def test_grouping_assigns_each_token_to_one_group() -> None:
    module = make_input("grouping", {**SMALL, "groups": (3,), "depth": 1})
    stage = module.map.stages[0]

    hard = stage._assign(torch.randn(2, 3, 5))

    torch.testing.assert_close(hard, hard.round(), rtol=0, atol=1e-6)
    torch.testing.assert_close(hard.sum(1), torch.ones(2, 5))
    assert stage.log_tau.exp().item() == 1.0


@pytest.mark.parametrize(("kind", "options"), [("linear", {}), ("query", {**SMALL, "layers": 1})])
def test_outputs_give_one_tensor_per_condition(kind, options) -> None:
    module = build_output(
        OUTPUT_KINDS[kind], options, width_llm=12, signals=7, conditions=(TEXT, POOLED)
    )

    out = module(torch.randn(2, 7, 12))
    sum(t.square().sum() for t in out.values()).backward()

    assert {name: tuple(t.shape) for name, t in out.items()} == {
        "text": (2, 7, 6),
        "pooled": (2, 1, 10),
    }
    still = [n for n, p in module.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


def test_query_outputs_differ_from_each_other_at_the_start() -> None:
    module = build_output(OUTPUT_KINDS["query"], SMALL, width_llm=12, signals=4, conditions=(TEXT,))

    tokens_TW = module(torch.randn(1, 4, 12))["text"][0]

    assert (tokens_TW.std(0) > 1e-3).all()


@pytest.mark.parametrize(
    ("tokens", "width", "parameters"),
    [(77, 768, 31_958_784), (77, 1024, 32_090_112), (1, 512, 31_788_544)],
)
def test_query_projection_has_the_papers_size(tokens: int, width: int, parameters: int) -> None:
    condition = Condition(name="text", tokens=tokens, width=width)

    with torch.device("meta"):
        module = build_output(
            OUTPUT_KINDS["query"], width_llm=4096, signals=4, conditions=(condition,)
        )

    assert count(module) == parameters


@pytest.mark.parametrize(
    ("kind", "parameters"), [("linear", 4_198_400), ("mlp", 20_979_712), ("groupvit", 53_144_912)]
)
def test_input_projections_have_the_papers_size(kind: str, parameters: int) -> None:
    with torch.device("meta"):
        assert (
            count(build_input(INPUT_KINDS[kind], tokens=1, width_in=1024, width_llm=4096))
            == parameters
        )


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("groupvit", {"depths": (6, 3)}, "write 3 positive numbers"),
        ("mlp", {"hiden": 4}, "options of 'mlp': hidden"),
        ("resampler", {"width": 10, "heads": 3}, "no multiple"),
    ],
)
def test_wrong_kinds_and_options_list_the_right_ones(kind, options, message) -> None:
    with pytest.raises(ConfigError, match=message):
        build_input(INPUT_KINDS[kind], options, tokens=5, width_in=4, width_llm=12)


@pytest.mark.parametrize(("kind", "options", "tokens"), INPUTS)
def test_plans_know_the_size_of_inputs(kind, options, tokens) -> None:
    spec = INPUT_KINDS[kind]
    parsed = options_of(spec, options)
    module = make_input(kind, options)

    assert tokens_out(spec, parsed, 5) == module.tokens
    assert size(input_shapes(spec, parsed, tokens=5, width_in=4, width_llm=12)) == count(module)


@pytest.mark.parametrize(("kind", "options"), [("linear", {}), ("query", {**SMALL, "layers": 2})])
def test_plans_know_the_size_of_outputs(kind, options) -> None:
    shape = {"width_llm": 12, "signals": 7, "conditions": (TEXT, POOLED)}
    spec = OUTPUT_KINDS[kind]
    module = build_output(spec, options, **shape)

    assert size(output_shapes(spec, options_of(spec, options), **shape)) == count(module)
