"""The model in a plain torch loop: `NextGPT.forward`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from transformers import AutoModelForCausalLM

from nextgpt_core import NextGPT, Pipeline
from nextgpt_core.testing import SystemKit

IDS = torch.arange(5, 21).reshape(2, 8)


@pytest.fixture
def pipeline(kit: SystemKit) -> Iterator[Pipeline]:
    with kit.pipeline() as pipeline:
        yield pipeline


def test_logits_and_loss_are_those_of_the_language_model(
    kit: SystemKit, pipeline: Pipeline
) -> None:
    model = pipeline.system.model
    labels = IDS.masked_fill(IDS % 3 == 0, -100)
    mask = torch.ones_like(IDS)
    mask[1, 5:] = 0

    with torch.no_grad():
        found = model(IDS, attention_mask=mask, labels=labels)
        same = model(inputs_embeds=model.embed(IDS), attention_mask=mask)
        wanted = AutoModelForCausalLM.from_pretrained(kit.llm)(
            input_ids=IDS, attention_mask=mask, labels=labels
        )

    base = model.vocabulary.base
    assert found.logits.shape == (2, 8, base + model.vocabulary.size)
    assert torch.allclose(found.logits[0, :, :base], wanted.logits[0], atol=1e-4)
    assert torch.allclose(found.logits[1, :5, :base], wanted.logits[1, :5], atol=1e-4)
    assert torch.equal(same.final_BTD, found.final_BTD)
    assert same.loss is None
    rows = found.logits[:, :-1][labels[:, 1:] != -100]
    own = torch.nn.functional.cross_entropy(rows, labels[:, 1:][labels[:, 1:] != -100])
    assert torch.allclose(found.loss, own)


def test_features_stand_where_ids_say(pipeline: Pipeline) -> None:
    model = pipeline.system.model
    ids, features = IDS.clone(), torch.randn(3, model.embed(IDS).shape[-1])
    ids[0, 2:4] = ids[1, 6] = -1
    x_BTD = model.embed(IDS).detach()
    x_BTD[0, 2:4], x_BTD[1, 6] = features[:2], features[2]

    found, wanted = model(ids, features=features), model(inputs_embeds=x_BTD)

    assert torch.equal(found.hidden_BTD, wanted.hidden_BTD)


def test_plain_loop_learns(pipeline: Pipeline) -> None:
    model: NextGPT = pipeline.system.model
    first_signal = model.vocabulary.base
    labels = torch.full_like(IDS, -100)
    labels[:, -1] = first_signal
    parameters = [p for own in model.trainable(["signals"]).values() for p in own]
    optimizer = torch.optim.AdamW(parameters, lr=0.05)
    losses = []

    for _ in range(8):
        loss = model(IDS, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())

    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("given", [{}, {"input_ids": IDS, "inputs_embeds": torch.zeros(2, 8, 4)}])
def test_ids_or_embeddings_are_wanted(pipeline: Pipeline, given: dict[str, torch.Tensor]) -> None:
    with pytest.raises(ValueError, match="input_ids or inputs_embeds"):
        pipeline.system.model(**given)
