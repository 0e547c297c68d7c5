"""Families that rotate a longer text in another way: past the turn, before it, and side by side.

The right value is always one uncached pass over the text as long as it is. Legend: B batch,
T tokens, D width.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import Gemma3TextConfig, LlamaConfig

from nextgpt_core.llm.backbone import Backbone
from nextgpt_core.llm.load import backbone_from_folder
from nextgpt_core.llm.rope import Rotation
from nextgpt_core.model import NextGPT
from nextgpt_core.prompt.compose import Prompt
from nextgpt_core.signal import Block, SignalVocabulary
from nextgpt_core.training.forward import forward

TURN = 16
LONG = {
    "rope_type": "longrope",
    "rope_theta": 1e4,
    "short_factor": [1.0, 1.1, 1.2, 1.3],
    "long_factor": [2.0, 5.0, 9.0, 30.0],
    "original_max_position_embeddings": TURN,
}


@pytest.fixture
def backbone(make_folder: Callable[..., Path]) -> Backbone:
    own = {"rope_parameters": LONG, "original_max_position_embeddings": TURN}
    return backbone_from_folder(make_folder("phi3", **own), layer=-2)


@pytest.fixture
def x_BTD(backbone: Backbone) -> Tensor:
    return torch.randn(1, 40, backbone.width, generator=torch.Generator())


def whole(backbone: Backbone, x_BTD: Tensor, length: int) -> Tensor:
    return backbone.run(x_BTD[:, :length]).final_BTD


@torch.no_grad()
def test_answer_that_crosses_the_turn_is_read_anew(backbone: Backbone, x_BTD: Tensor) -> None:
    cache, end = backbone.new_cache(), 0

    for count in (10, 1, 5, 1, 4, 12):  # up to the turn, over it by one, and on
        run = backbone.run(x_BTD[:, end : end + count], cache=cache)
        end += count

        torch.testing.assert_close(run.final_BTD, whole(backbone, x_BTD, end)[:, -count:])
        assert run.hidden_BTD.shape[1] == count
        assert (cache.held, cache.get_seq_length()) == (end, end)
    assert not torch.allclose(  # the two ways differ
        whole(backbone, x_BTD, 16)[:, 15], whole(backbone, x_BTD, 17)[:, 15], atol=0.1
    )


@torch.no_grad()
@pytest.mark.parametrize(("kept", "count"), [(10, 3), (10, 6), (10, 7), (20, 3)])
def test_prefix_kept_from_a_longer_text_is_read_anew(
    backbone: Backbone, x_BTD: Tensor, kept: int, count: int
) -> None:
    cache = backbone.new_cache()
    backbone.run(torch.cat((x_BTD[:, :kept], x_BTD[:, -10:]), dim=1), cache=cache)

    cache.cut(kept)
    run = backbone.run(x_BTD[:, kept : kept + count], cache=cache)

    expected = whole(backbone, x_BTD, kept + count)[:, kept:]
    torch.testing.assert_close(run.final_BTD, expected)


def test_short_row_beside_a_long_one_is_trained_as_alone(backbone: Backbone) -> None:
    block = Block("photo", backbone.vocabulary, 2)
    model = NextGPT(backbone, SignalVocabulary(backbone.vocabulary, (block,)))
    ids = [range(40, 80), range(40, 50), range(40, 77), range(42, 56)]
    prompts = [labelled(tuple(row)) for row in ids]

    together = forward(model, prompts, {})
    alone = [forward(model, [prompt], {}) for prompt in prompts]

    for name in ("losses_N", "final_ND", "labels_N"):
        expected = torch.cat([getattr(one, name) for one in alone])
        torch.testing.assert_close(getattr(together, name), expected)
    assert together.losses_N.mean().item() > 0


def labelled(ids: tuple[int, ...]) -> Prompt:
    return Prompt(ids=ids, keys=ids, labels=ids, features=(), groups=())


def test_lengths_of_one_regime_are_rotated_alike() -> None:
    plain = LlamaConfig(max_position_embeddings=100)
    dynamic = LlamaConfig(
        max_position_embeddings=100,
        rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4},
    )
    by_layer = {"full_attention": LONG, "sliding_attention": {"rope_type": "default"}}
    long = Gemma3TextConfig(max_position_embeddings=100, rope_parameters=by_layer)

    assert {Rotation.of(plain).regime(n) for n in (1, 100, 500)} == {0}
    assert [Rotation.of(long).regime(n) for n in (1, 16, 17, 500)] == [0, 0, 1, 1]
    assert [Rotation.of(dynamic).regime(n) for n in (1, 100, 101, 102)] == [0, 0, 1, 2]
