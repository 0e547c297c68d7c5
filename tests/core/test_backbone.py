from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nextgpt_core.llm.backbone import Backbone
from nextgpt_core.llm.cache import can_cut
from nextgpt_core.llm.load import backbone_from_folder
from nextgpt_core.llm.lora import add_lora, lora_parameters, merge_lora
from nextgpt_core.llm.probe import probe
from nextgpt_registry.config import Lora
from nextgpt_registry.errors import ConfigError


@pytest.fixture
def ids_BT(backbone: Backbone) -> Tensor:
    return torch.randint(3, backbone.vocabulary, (2, 13), generator=torch.Generator())


@torch.no_grad()
def test_logits_are_those_of_the_model_itself(backbone: Backbone, ids_BT: Tensor) -> None:
    theirs = backbone.model(input_ids=ids_BT, use_cache=False).logits

    ours = backbone.logits(backbone.run(backbone.embed(ids_BT)).final_BTD)

    assert ours.std() > 0.01
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("layer", [0, 1, 2, 3, -1, -2, -4])
def test_hidden_state_is_the_declared_layer(make_backbone, layer: int) -> None:
    backbone = make_backbone("qwen3", layer=layer)
    ids_BT = torch.arange(3, 12)[None]
    theirs = backbone.model(input_ids=ids_BT, output_hidden_states=True).hidden_states[layer]

    run = backbone.run(backbone.embed(ids_BT))

    torch.testing.assert_close(run.hidden_BTD, theirs)


def test_a_layer_that_is_not_there_is_named(make_backbone) -> None:
    with pytest.raises(ConfigError, match="3 layers"):
        make_backbone("llama", layer=4)


@torch.no_grad()
def test_piecewise_with_cache_equals_one_pass(backbone: Backbone, ids_BT: Tensor) -> None:
    x_BTD = backbone.embed(ids_BT)
    whole = backbone.run(x_BTD).final_BTD
    cache = backbone.new_cache()

    pieces = [
        backbone.run(x_BTD[:, a:b], cache=cache).final_BTD for a, b in ((0, 6), (6, 7), (7, 13))
    ]

    torch.testing.assert_close(torch.cat(pieces, 1), whole, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_going_back_to_a_prefix_forgets_the_rest(backbone: Backbone, ids_BT: Tensor) -> None:
    x_BTD = backbone.embed(ids_BT)
    whole = backbone.run(x_BTD).final_BTD
    cache = backbone.new_cache()
    backbone.run(x_BTD[:, :9], cache=cache)
    backbone.run(backbone.embed(ids_BT.flip(0))[:, 9:], cache=cache)

    assert can_cut(cache)
    cache.cut(9)
    again = backbone.run(x_BTD[:, 9:], cache=cache).final_BTD

    torch.testing.assert_close(again, whole[:, 9:], rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_cache_grows_past_its_first_room(make_backbone) -> None:
    backbone = make_backbone("llama")
    x_BTD = torch.randn(1, 300, backbone.width, generator=torch.Generator())
    cache = backbone.new_cache()

    backbone.run(x_BTD[:, :255], cache=cache)
    backbone.run(x_BTD[:, 255:257], cache=cache)
    last = backbone.run(x_BTD[:, 257:], cache=cache).final_BTD

    assert cache.get_seq_length() == 300
    torch.testing.assert_close(last, backbone.run(x_BTD).final_BTD[:, 257:], rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_padding_on_the_right_changes_nothing(backbone: Backbone, ids_BT: Tensor) -> None:
    alone = backbone.run(backbone.embed(ids_BT[:1, :7])).final_BTD
    mask_BT = torch.ones_like(ids_BT)
    mask_BT[0, 7:] = 0

    together = backbone.run(backbone.embed(ids_BT), mask_BT=mask_BT).final_BTD

    torch.testing.assert_close(together[:1, :7], alone, rtol=1e-4, atol=1e-5)


def test_gradients_reach_the_embeddings_but_not_the_model(backbone: Backbone) -> None:
    x_BTD = torch.randn(1, 5, backbone.width, requires_grad=True)

    backbone.logits(backbone.run(x_BTD).final_BTD).square().sum().backward()

    assert x_BTD.grad is not None
    assert x_BTD.grad.abs().sum() > 0
    assert all(p.grad is None for p in backbone.parameters())


def test_facts_of_tied_and_untied_families(make_backbone) -> None:
    assert make_backbone("llama").tied
    assert not make_backbone("gpt_neox").tied
    assert make_backbone("gemma3").embedding_scale == pytest.approx(32**0.5)
    assert make_backbone("llama").eos_ids == {2}
    assert make_backbone("llama").context == 512


def test_a_saved_folder_loads(make_backbone, tmp_path) -> None:
    backbone = make_backbone("llama")
    backbone.model.save_pretrained(tmp_path)
    backbone.tokenizer.save_pretrained(tmp_path)

    loaded = backbone_from_folder(tmp_path, dtype="bfloat16")

    assert loaded.dtype is torch.bfloat16
    assert loaded.tied
    assert loaded.tokenizer.chat_template == backbone.tokenizer.chat_template


def test_a_folder_without_a_model_is_named(tmp_path) -> None:
    with pytest.raises(ConfigError, match="no causal language model"):
        backbone_from_folder(tmp_path)


def test_a_family_that_does_something_unknown_to_its_logits_is_refused(make_backbone) -> None:
    backbone = make_backbone("llama")
    probe(backbone)
    backbone.head.factor = 0.5

    with pytest.raises(ConfigError, match="does not reproduce"):
        probe(backbone)


@torch.no_grad()
def test_half_weights_on_the_cpu_answer_as_float32_ones(make_backbone, tmp_path) -> None:
    backbone = make_backbone("gemma3")
    backbone.model.half().save_pretrained(tmp_path)
    backbone.tokenizer.save_pretrained(tmp_path)
    whole = backbone_from_folder(tmp_path, dtype="float32")
    half = backbone_from_folder(tmp_path, dtype="float16")
    ids_BT = torch.arange(3, 12)[None]
    states, cache = [], half.new_cache()

    expected = whole.logits(whole.run(whole.embed(ids_BT)).final_BTD)
    at_once = half.logits(half.run(half.embed(ids_BT)).final_BTD)
    for t in range(9):
        states.append(half.run(half.embed(ids_BT[:, t : t + 1]), cache=cache).final_BTD)
    one_by_one = half.logits(torch.cat(states, 1))

    assert (half.dtype, half.embedding.weight.dtype) == (torch.float32, torch.float16)
    assert half.tied
    torch.testing.assert_close(at_once, expected, rtol=1e-2, atol=1e-2)
    torch.testing.assert_close(one_by_one, expected, rtol=1e-2, atol=1e-2)


def test_adapters_go_on_half_weights(make_backbone, tmp_path) -> None:
    make_backbone("llama").model.half().save_pretrained(tmp_path)
    make_backbone("llama").tokenizer.save_pretrained(tmp_path)
    half = backbone_from_folder(tmp_path, dtype="float16")
    x_BTD = torch.randn(1, 1, 32)
    before = half.run(x_BTD).final_BTD

    add_lora(half, Lora(r=2))

    assert torch.equal(half.run(x_BTD).final_BTD, before)
    for matrix in lora_parameters(half):
        torch.nn.init.normal_(matrix, std=0.1)
    changed = half.run(x_BTD).final_BTD
    merge_lora(half)
    assert not torch.allclose(changed, before, atol=1e-2)
    torch.testing.assert_close(half.run(x_BTD).final_BTD, changed, rtol=1e-2, atol=1e-2)
