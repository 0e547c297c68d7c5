"""Responses, asked by OpenAI's client."""

from __future__ import annotations

import base64
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from openai import BadRequestError, OpenAI

from nextgpt_core import Pipeline
from nextgpt_serve.media.files import data_url

ONE: Any = {"nextgpt": {"require": {"glyph": 1}}, "seed": 3}
CALL = "response.glyph_generation_call"


def ask(client: OpenAI, given: Any = "Hello", **options: Any) -> Any:
    return client.responses.create(
        **{"model": "kit", "input": given, "max_output_tokens": 8, "extra_body": ONE, **options}
    )


def test_output_items_stand_in_the_order_they_were_written(
    client: OpenAI, pipeline: Pipeline
) -> None:
    own = pipeline.chat("Hello", seed=3, max_tokens=8, require={"glyph": 1})

    response = ask(client)

    types = ["message" if hasattr(one, "text") else "glyph_generation_call" for one in own.parts]
    assert [item.type for item in response.output] == types
    assert response.output_text == own.text
    call = response.output[-1]
    assert base64.b64decode(call.result) == b"GLYPH" + own.media[0].media.data.tobytes()
    assert call.status == "completed"
    assert call.mime_type == "application/x-glyph"
    assert response.status == ("completed" if own.finish == "end" else "incomplete")
    assert response.usage.output_tokens == own.timings.generated_tokens


def test_stream_has_the_events_of_openai_in_their_order(client: OpenAI) -> None:
    whole = ask(client)
    events = list(ask(client, stream=True))

    kinds = [event.type for event in events]
    assert kinds[:3] == ["response.created", "response.in_progress", "response.output_item.added"]
    assert kinds[-1] == f"response.{whole.status}"
    assert all(
        after.sequence_number == before.sequence_number + 1 for before, after in pairwise(events)
    )
    text = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    assert text == whole.output_text
    calls = [event for event in events if event.type.startswith(CALL)]
    assert calls[0].type == f"{CALL}.in_progress"
    assert {event.type for event in calls[1:-1]} == {f"{CALL}.generating"}
    assert calls[-2].progress == {"done": 3, "total": 3}
    assert calls[-1].type == f"{CALL}.completed"
    assert {event.item_id for event in calls} == {events[-1].response.output[-1].id}
    added = [e.output_index for e in events if e.type == "response.output_item.added"]
    done = [e.output_index for e in events if e.type == "response.output_item.done"]
    assert added == sorted(done) == list(range(len(whole.output)))
    final = events[-1].response.output
    assert [item.type for item in final] == [item.type for item in whole.output]
    assert final[-1].result == whole.output[-1].result


def test_clients_that_accumulate_find_the_response(client: OpenAI) -> None:
    with client.responses.stream(
        model="kit", input="Hello", extra_body={**ONE, "nextgpt": {"require": {"glyph": 2}}}
    ) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_response() if "response.completed" in kinds else None

    assert f"{CALL}.completed" in kinds
    assert final is None or [item.type for item in final.output][-1] == "glyph_generation_call"


def test_conversation_of_items_goes_on(
    client: OpenAI, pipeline: Pipeline, glyph_file: Path
) -> None:
    alone: Any = {"require": {"glyph": 1}, "deterministic": True}
    url = data_url(glyph_file.read_bytes(), "application/x-glyph")
    content = [{"type": "input_text", "text": "See"}, {"type": "input_glyph", "input_glyph": url}]
    own = pipeline.conversation(history=[{"role": "system", "content": "Be"}])  # type: ignore[list-item]
    own.say(["See", glyph_file], seed=3, max_tokens=8, **alone)
    second = pipeline.chat("On", history=own.messages, seed=3, max_tokens=8, **alone)
    extra = {"seed": 3, "nextgpt": alone}

    start: Any = [{"role": "user", "content": content}]
    first = ask(client, start, instructions="Be", extra_body=extra)
    given = [*start, *(item.to_dict() for item in first.output), {"role": "user", "content": "On"}]
    answer = ask(client, given, instructions="Be", extra_body=extra)
    for item in given[1:-1]:
        item.pop("id")  # as another server would have it: what it holds is enough
    again = ask(client, given, instructions="Be", extra_body=extra)

    made = b"GLYPH" + second.media[-1].media.data.tobytes()
    assert base64.b64decode(answer.output[-1].result) == made
    assert base64.b64decode(again.output[-1].result) == made


def test_tool_says_that_a_medium_is_wanted(client: OpenAI) -> None:
    tool: Any = {"type": "glyph_generation"}

    response = ask(client, tools=[tool], tool_choice=tool, extra_body={"seed": 3})

    assert response.output[-1].type == "glyph_generation_call"
    with pytest.raises(BadRequestError, match="nothing that this system makes"):
        ask(client, tools=[{"type": "hologram_generation"}])
    with pytest.raises(BadRequestError, match="tools"):
        ask(client, tools=[{"type": "web_search"}])


def test_media_may_come_as_addresses(client: OpenAI) -> None:
    extra = {"seed": 3, "nextgpt": {"require": {"glyph": 1}, "media": "url"}}
    call = ask(client, extra_body=extra).output[-1]

    assert call.result is None
    assert client._client.get(call.url).content.startswith(b"GLYPH")


def test_several_answers_in_one_response(client: OpenAI) -> None:
    extra = {**ONE, "n": 2}
    response = ask(client, extra_body=extra)
    streamed = list(ask(client, extra_body=extra, stream=True))[-1].response

    assert {item.choice for item in response.output} == {0, 1}
    assert response.seeds == [3, 4]
    assert sorted(item.choice for item in streamed.output) == (
        sorted(item.choice for item in response.output)
    )


def test_failed_medium_is_a_failed_item(client: OpenAI) -> None:
    extra = {"nextgpt": {"require": {"glyph": 1}, "decoder_options": {"glyph": {"fail": "raise"}}}}
    response = ask(client, extra_body=extra)
    events = [event.type for event in ask(client, extra_body=extra, stream=True)]

    assert response.output[-1].status == "failed"
    assert response.output[-1].error["code"] == "media_failed"
    assert f"{CALL}.failed" in events


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id is not supported"),
        ({"background": True}, "background is not supported"),
        ({"given": [{"type": "function_call_output", "call_id": "a", "output": "b"}]}, "function"),
        ({"given": []}, "input"),
        ({"truncation": "auto"}, "truncation"),
        ({"tool_choice": "required"}, "tool_choice"),
    ],
)
def test_what_is_not_supported_is_said(client: OpenAI, options: Any, said: str) -> None:
    with pytest.raises(BadRequestError, match=said):
        ask(client, **options)
