from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nextgpt_core.llm.backbone import Backbone
from nextgpt_core.llm.lora import (
    add_lora,
    linear_names,
    load_lora_state,
    lora_parameters,
    lora_state,
    merge_lora,
    without_lora,
)
from nextgpt_registry.config import Lora
from nextgpt_registry.errors import ConfigError, LockError, TrainingError

LORA = Lora(r=4, alpha=8)


def states(backbone: Backbone) -> Tensor:
    with torch.no_grad():
        return backbone.run(backbone.embed(torch.arange(3, 15)[None])).final_BTD


def with_random_lora(backbone: Backbone) -> Backbone:
    add_lora(backbone, LORA)
    for matrix in lora_parameters(backbone):
        torch.nn.init.normal_(matrix, std=0.1)
    return backbone


@pytest.mark.parametrize("family", ["llama", "qwen3", "gemma3"])
def test_fresh_adapters_change_nothing(make_backbone, family: str) -> None:
    backbone = make_backbone(family)
    before = states(backbone)

    add_lora(backbone, LORA)

    assert torch.equal(states(backbone), before)


def test_disabled_adapters_are_exactly_the_base_model(make_backbone) -> None:
    before = states(make_backbone("llama"))
    backbone = with_random_lora(make_backbone("llama"))

    with without_lora(backbone):
        off = states(backbone)

    assert torch.equal(off, before)
    assert not torch.allclose(states(backbone), before)


def test_a_target_the_family_does_not_have_lists_those_it_has(make_backbone) -> None:
    with pytest.raises(ConfigError, match="query_key_value") as error:
        add_lora(make_backbone("gpt_neox"), LORA)

    assert "k_proj, o_proj, q_proj, v_proj" in str(error.value)


def test_other_families_have_other_targets(make_backbone) -> None:
    backbone = make_backbone("gpt_neox")

    add_lora(backbone, Lora(r=2, targets=("query_key_value", "dense")))

    assert len(lora_parameters(backbone)) == 3 * 2 * 2
    assert "query_key_value" in linear_names(make_backbone("gpt_neox"))


def test_state_goes_out_and_in(make_backbone) -> None:
    trained = with_random_lora(make_backbone("llama"))
    fresh = make_backbone("llama")
    add_lora(fresh, LORA)

    load_lora_state(fresh, lora_state(trained))

    assert "layers.0.self_attn.q_proj.A" in lora_state(trained)
    assert torch.equal(states(fresh), states(trained))


def test_state_of_another_rank_is_refused(make_backbone) -> None:
    trained = with_random_lora(make_backbone("llama"))
    other = make_backbone("llama")
    add_lora(other, Lora(r=2))

    with pytest.raises(LockError, match="24 matrices differ"):
        load_lora_state(other, lora_state(trained))


def test_merging_keeps_the_answers_and_the_state(make_backbone) -> None:
    backbone = with_random_lora(make_backbone("llama"))
    before, saved = states(backbone), lora_state(backbone)

    merge_lora(backbone)

    torch.testing.assert_close(states(backbone), before, rtol=1e-4, atol=1e-4)
    assert lora_parameters(backbone) == []
    assert all(torch.equal(lora_state(backbone)[name], saved[name]) for name in saved)
    with pytest.raises(TrainingError, match="merged already"):
        merge_lora(backbone)


def test_only_the_adapters_dropout_wakes_in_training(make_backbone) -> None:
    backbone = make_backbone("gpt_neox")
    add_lora(backbone, Lora(r=2, dropout=0.5, targets=("dense",)))

    backbone.train()

    awake = [name for name, module in backbone.model.named_modules() if module.training]
    assert awake
    assert all("lora_dropout" in name for name in awake)
