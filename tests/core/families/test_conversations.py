"""Conversations with families that keep more than keys and values, or read long texts anew.

Legend: B batch, T positions, D width, S signals of a group, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from nextgpt_core import Pipeline
from nextgpt_core.testing import SystemKit, glyph

pytestmark = pytest.mark.timeout(300)

LONG = {
    "original_max_position_embeddings": 90,  # the second turn crosses it
    "rope_parameters": {
        "rope_type": "longrope",
        "rope_theta": 1e4,
        "short_factor": [1.0, 1.1, 1.2, 1.3],
        "long_factor": [2.0, 5.0, 9.0, 30.0],
        "original_max_position_embeddings": 90,
    },
}


@pytest.fixture(params=[("jamba", {}), ("phi3", LONG)], ids=["jamba", "phi3"])
def pipeline(request: pytest.FixtureRequest, make_folder, kit: SystemKit) -> Any:
    family, own = request.param
    with kit.pipeline(f"llm.path=file:{make_folder(family, **own)}") as pipeline:
        yield pipeline


@torch.no_grad()
def test_next_turn_sees_what_one_uncached_pass_sees(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, language = pipeline.system.model, pipeline.engine.shared.language
    made: list[dict[str, torch.Tensor]] = []
    project = language.conditions

    def watching(group: Any) -> dict[str, torch.Tensor]:
        made.append(project(group))
        return made[-1]

    monkeypatch.setattr(language, "conditions", watching)
    talk = pipeline.conversation()
    talk.say(["hi", glyph(1)], require={"glyph": 1})
    beside = pipeline.chat("hi there, another one", require={"glyph": 1})  # a state of its own
    answer = talk.say(["and", glyph(2), "what is that?"], require={"glyph": 1})

    messages = talk.messages[:-1]
    reading = pipeline.engine.shared.features.reading()
    prompt = pipeline.system.composer.compose(
        messages, feature_tokens=reading.positions(messages), answered={1: talk._answered[1]}
    )
    features = reading.projected(prompt.features)
    ids_BT = torch.tensor([answer.ids])
    prompt_BTD = model.embed(torch.tensor([prompt.ids]), prompt.rows(features))
    run = model.backbone.run(torch.cat((prompt_BTD, model.embed(ids_BT)), dim=1))
    fresh = model.project_out("glyph", run.hidden_BTD[:, -3:], ids_BT[:, -3:])

    assert answer.timings.reused_tokens > 0
    assert len(made) == 3
    assert beside.ids
    assert len(prompt) + len(answer.ids) > 90 > len(prompt) - 40
    torch.testing.assert_close(made[-1]["text"], fresh["text"][0], rtol=1e-3, atol=1e-3)


def test_families_that_take_turns_answer_in_a_mixture_as_alone(pipeline: Pipeline) -> None:
    requests: list[Any] = [
        {
            "parts": ["hi " * n, glyph(n)],
            "seed": n,
            "require": {"glyph": n % 2},
            "max_tokens": 4 * n,
        }
        for n in range(1, 6)
    ]
    alone = [pipeline.chat(**request) for request in requests]
    pipeline.engine.shared.prefixes.clear()

    mixed = pipeline.batch(requests)

    assert [one.ids for one in mixed] == [one.ids for one in alone]


@pytest.mark.parametrize("pipeline", [("jamba", {})], indirect=True, ids=["jamba"])
def test_failed_pass_leaves_no_half_read_state(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pipeline.chat("hello there", max_tokens=6)
    backbone = pipeline.system.model.backbone
    layer = backbone.inner.layers[-1]

    def failing(*args: Any, **given: Any) -> None:
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(layer, "forward", failing)
        with pytest.raises(RuntimeError, match="out of memory"):
            pipeline.chat("hello there you", max_tokens=6)

    assert pipeline.chat("hello there", max_tokens=6).ids == whole.ids
