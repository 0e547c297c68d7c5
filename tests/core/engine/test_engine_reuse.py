"""What is not computed twice: prefixes of conversations, features of media."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from nextgpt_core import (
    Pipeline,
)
from nextgpt_core.testing import SystemKit, glyph

pytestmark = pytest.mark.timeout(120)


def test_conversation_computes_only_what_is_new(pipeline: Pipeline, passes: list[int]) -> None:
    encoder = pipeline.system.encoders["glyph"]
    talk = pipeline.conversation()
    first = talk.say(["hi", glyph(1)], require={"glyph": 1})
    second = talk.say(["and", glyph(1), glyph(2)], require={"glyph": 1})
    passes.clear()
    third = talk.say("bye")

    assert encoder.calls == 2  # the glyphs 1 and 2; what the model made is never encoded
    assert first.timings.encoded_media == second.timings.encoded_media == 1
    assert third.timings.encoded_media == 0
    assert third.timings.reused_tokens > second.timings.reused_tokens > 0
    assert passes[0] == third.timings.prefilled_tokens < 40


def test_reused_keys_and_values_give_what_fresh_ones_give(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[dict[str, torch.Tensor]] = []
    language = pipeline.engine.shared.language
    project = language.conditions

    def watching(group: Any) -> dict[str, torch.Tensor]:
        made.append(project(group))
        return made[-1]

    monkeypatch.setattr(language, "conditions", watching)
    talk = pipeline.conversation()
    talk.say(["hi", glyph(1)], require={"glyph": 1})
    answer = talk.say(["and", glyph(2)], require={"glyph": 1})

    model, reading = pipeline.system.model, pipeline.engine.shared.features.reading()
    messages = talk.messages[:-1]
    prompt = pipeline.system.composer.compose(
        messages, feature_tokens=reading.positions(messages), answered={1: talk._answered[1]}
    )
    with (
        torch.no_grad(),
        pipeline.engine.shared.prefixes.lend([*prompt.keys, *answer.ids, "next"]) as prefix,
    ):
        features = reading.projected(prompt.features)
        ids_BT, next_BT = torch.tensor([answer.ids]), torch.tensor([[7]])
        prompt_BTD = model.embed(torch.tensor([prompt.ids]), prompt.rows(features))
        x_BTD = torch.cat((prompt_BTD, model.embed(ids_BT)), dim=1)
        run = model.backbone.run(torch.cat((x_BTD, model.embed(next_BT)), dim=1))
        fresh_V = model.logits(run.final_BTD[0, -1])
        signals_BSD = run.hidden_BTD[:, -4:-1]
        fresh = model.project_out("glyph", signals_BSD, ids_BT[:, -3:])
        kept = model.backbone.run(model.embed(next_BT), cache=prefix.cache)
        kept_V = model.logits(kept.final_BTD[0, -1])

    assert answer.timings.reused_tokens > 0
    assert torch.allclose(kept_V, fresh_V, atol=1e-4)
    assert torch.allclose(made[-1]["text"], fresh["text"][0], atol=1e-4)


def test_regenerated_answer_reuses_its_prompt(pipeline: Pipeline) -> None:
    pipeline.chat("hello there", seed=1)
    again = pipeline.chat("hello there", seed=1)

    assert again.timings.prefilled_tokens == 1


def test_same_medium_twice_in_one_request_is_encoded_once(pipeline: Pipeline) -> None:
    pipeline.chat([glyph(1), "and", glyph(1)])

    assert pipeline.engine.shared.features.cache.size > 0
    assert pipeline.system.encoders["glyph"].calls == 1


def test_media_of_one_request_are_encoded_in_one_call(pipeline: Pipeline) -> None:
    answer = pipeline.chat([glyph(n) for n in range(5)])

    assert answer.timings.encoded_media == 5
    assert pipeline.system.encoders["glyph"].calls == 1


def test_a_deterministic_request_takes_no_features_that_were_made_in_company(
    pipeline: Pipeline,
) -> None:
    media = [glyph(1), glyph(2)]
    encoded = [
        pipeline.chat(media, deterministic=alone, max_tokens=1).timings.encoded_media
        for alone in (False, False, True, True, False)
    ]

    assert encoded == [2, 0, 2, 0, 0]  # made alone, they serve everybody


def test_without_a_cache_media_are_encoded_again(kit: SystemKit) -> None:
    with kit.pipeline("feature_cache_mb=0") as pipeline:
        pipeline.chat([glyph(1)])
        pipeline.chat(["other", glyph(1)])

        assert pipeline.system.encoders["glyph"].calls == 2


def test_interrupted_request_leaves_a_usable_prefix(pipeline: Pipeline) -> None:
    whole = pipeline.chat("hello there", max_tokens=12)
    events: Any = pipeline.stream("hello there", max_tokens=12)
    next(events)
    events.close()

    assert pipeline.chat("hello there", max_tokens=12).ids == whole.ids
