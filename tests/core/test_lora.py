from __future__ import annotations

import pytest
import torch
from torch import Tensor
from transformers import (
    FalconMambaConfig,
    FalconMambaForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    MambaConfig,
    MambaForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
)

from nextgpt_core.llm.backbone import Backbone
from nextgpt_core.llm.half import halve
from nextgpt_core.llm.lora import (
    add_lora,
    linear_names,
    load_lora_state,
    lora_parameters,
    lora_state,
    merge_lora,
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


def gpt2(tokenizer) -> Backbone:
    torch.manual_seed(0)
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "vocab_size": 330}
    ends = {"bos_token_id": 1, "eos_token_id": 2}
    return Backbone(GPT2LMHeadModel(GPT2Config(**sizes, **ends)), tokenizer)


@pytest.mark.parametrize(
    ("targets", "matrices"),
    [(("c_attn",), 4), (("attn.c_proj",), 4), (("c_proj",), 8), (("c_attn", "c_fc", "c_proj"), 16)],
)
def test_layers_that_gpt2_keeps_transposed_are_adapted(tokenizer, targets, matrices: int) -> None:
    backbone = gpt2(tokenizer)
    before = states(backbone)
    add_lora(backbone, Lora(r=2, targets=targets))
    fresh = states(backbone)
    for matrix in lora_parameters(backbone):
        torch.nn.init.normal_(matrix, std=0.1)
    adapted, saved = states(backbone), lora_state(backbone)
    again = gpt2(tokenizer)
    add_lora(again, Lora(r=2, targets=targets))
    load_lora_state(again, saved)
    loaded = states(again)

    merge_lora(again)

    assert len(saved) == matrices
    assert torch.equal(fresh, before)
    assert torch.equal(loaded, adapted)
    assert not torch.allclose(adapted, before)
    torch.testing.assert_close(states(again), adapted, rtol=1e-4, atol=1e-4)


def test_transposed_layers_in_half_are_adapted_too(tokenizer) -> None:
    plain = gpt2(tokenizer)
    short = Backbone(halve(gpt2(tokenizer).model.half()), tokenizer)
    for backbone in (plain, short):
        add_lora(backbone, Lora(r=2, targets=("c_attn",)))

    torch.testing.assert_close(states(short), states(plain), rtol=2e-2, atol=2e-2)


def test_experts_kept_as_one_tensor_are_said_to_be_no_layer(tokenizer) -> None:
    sizes = {"hidden_size": 32, "intermediate_size": 16, "num_hidden_layers": 1}
    more = {"num_attention_heads": 4, "num_key_value_heads": 2, "num_local_experts": 2}
    backbone = Backbone(
        MixtralForCausalLM(MixtralConfig(**sizes, **more, vocab_size=330)), tokenizer
    )

    with pytest.raises(ConfigError, match=r"experts\.gate_up_proj of 2x32x32 is no linear layer"):
        add_lora(backbone, Lora(targets=("q_proj", "gate_up_proj")))


def test_layers_that_peft_cannot_adapt_are_refused(tokenizer) -> None:
    config = FalconMambaConfig(hidden_size=32, num_hidden_layers=1, state_size=4, vocab_size=330)
    backbone = Backbone(FalconMambaForCausalLM(config), tokenizer)

    with pytest.raises(ConfigError, match="peft cannot adapt"):
        add_lora(backbone, Lora(targets=("out_proj",)))


def test_layers_that_are_never_called_are_refused(tokenizer) -> None:
    config = MambaConfig(hidden_size=32, num_hidden_layers=1, state_size=4, vocab_size=330)
    backbone = Backbone(MambaForCausalLM(config), tokenizer)

    with pytest.raises(ConfigError, match=r"MambaForCausalLM never calls dt_proj, so"):
        add_lora(backbone, Lora(targets=("in_proj", "dt_proj")))


@pytest.mark.parametrize("target", ["all-linear", ".*proj", "embed_tokens", "lm_head", "", "mlp"])
def test_what_names_no_layer_is_refused(make_backbone, target: str) -> None:
    with pytest.raises(ConfigError, match="choose from down_proj"):
        add_lora(make_backbone("llama"), Lora(targets=(target,)))
