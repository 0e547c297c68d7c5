"""Chat completions, asked by OpenAI's client."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import pytest
from openai import BadRequestError, NotFoundError, OpenAI

from nextgpt_core import Pipeline
from nextgpt_serve.media.files import data_url

HELLO: Any = [{"role": "user", "content": "Hello"}]
ONE: Any = {"nextgpt": {"require": {"glyph": 1}}}
TWO: Any = {"nextgpt": {"require": {"glyph": 2}, "media": "data"}}
LINK = re.compile(r"\[glyph\]\((http://127\.0\.0\.1:\d+/v1/media/media-[\w-]+)\)")


def part(file: Path) -> dict[str, Any]:
    url = data_url(file.read_bytes(), "application/x-glyph")
    return {"type": "glyph_url", "glyph_url": {"url": url}}


def ask(client: OpenAI, messages: Any = HELLO, **options: Any) -> Any:
    return client.chat.completions.create(
        **{"model": "kit", "messages": messages, "seed": 3, "max_tokens": 8, **options}
    )


def test_answer_is_the_pipelines_own(client: OpenAI, pipeline: Pipeline) -> None:
    own = pipeline.chat("Hello", seed=3, max_tokens=8, temperature=0.7)

    answer = ask(client, temperature=0.7)

    assert answer.choices[0].message.content == str(own)
    assert answer.choices[0].finish_reason == ("stop" if own.finish == "end" else "length")
    assert answer.choices[0].seed == 3
    assert answer.model == "kit"


def test_media_stand_in_the_text_and_in_parts(
    client: OpenAI, pipeline: Pipeline, glyph_file: Path
) -> None:
    own = pipeline.chat(["See", glyph_file], seed=3, max_tokens=8, require={"glyph": 2})
    content = [{"type": "text", "text": "See"}, part(glyph_file)]

    answer = ask(client, [{"role": "user", "content": content}], extra_body=TWO)

    message = answer.choices[0].message
    types = ["text" if hasattr(one, "text") else "glyph_url" for one in own.parts]
    assert [one["type"] for one in message.parts] == types
    assert [one["index"] for one in message.parts] == list(range(len(types)))
    media = [one for one in message.parts if one["type"] == "glyph_url"]
    for shown, made in zip(media, own.media, strict=True):
        packed = shown["glyph_url"]["url"].removeprefix("data:application/x-glyph;base64,")
        assert base64.b64decode(packed) == b"GLYPH" + made.media.data.tobytes()
        assert shown["mime_type"] == "application/x-glyph"
    assert [url.rpartition("/")[2] for url in LINK.findall(message.content)] == [
        one["id"] for one in media
    ]
    assert LINK.sub("", message.content) == own.text


def test_usage_counts_text_and_media(client: OpenAI, pipeline: Pipeline, glyph_file: Path) -> None:
    told = pipeline.chat(["See", glyph_file], seed=3, max_tokens=8, require={"glyph": 1}).timings
    content = [{"type": "text", "text": "See"}, part(glyph_file)]

    usage = ask(client, [{"role": "user", "content": content}], extra_body=ONE).usage

    assert usage.prompt_tokens == told.prefilled_tokens + told.reused_tokens
    assert usage.completion_tokens == told.generated_tokens
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.prompt_tokens_details.media_tokens == 8
    assert usage.completion_tokens_details.media_tokens % 3 == 0
    assert usage.completion_tokens_details.media_tokens > 0


def test_stream_says_the_same_as_the_whole(client: OpenAI) -> None:
    whole = ask(client, extra_body=TWO)
    chunks = list(ask(client, stream=True, stream_options={"include_usage": True}, extra_body=TWO))

    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    text = "".join(delta.content or "" for delta in deltas)
    parts: dict[int, dict[str, Any]] = {}
    progress = 0
    for delta in deltas:
        for one in getattr(delta, "parts", None) or []:
            before = parts.get(one["index"], {})
            progress += "progress" in one
            if one["type"] == "text":
                one = {**one, "text": before.get("text", "") + one["text"]}
            parts[one["index"]] = one
    message = whole.choices[0].message
    assert LINK.sub("", text) == LINK.sub("", message.content)
    assert [LINK.sub("", one.get("text", "")) for one in parts.values()] == [
        one.get("text", "") for one in message.parts
    ]
    assert [one.get("glyph_url") for one in parts.values()] == [
        one.get("glyph_url") for one in message.parts
    ]
    assert progress
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == (
        whole.choices[0].finish_reason
    )
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens
    assert chunks[-1].choices == []


def test_conversation_goes_on_with_what_was_answered(client: OpenAI, pipeline: Pipeline) -> None:
    alone: Any = {"nextgpt": {"require": {"glyph": 1}, "deterministic": True}}
    first = ask(client, extra_body=alone).choices[0].message
    own = pipeline.conversation()
    own.say("Hello", seed=3, max_tokens=8, require={"glyph": 1}, deterministic=True)
    second = pipeline.chat(
        "On", history=own.messages, seed=4, max_tokens=8, require={"glyph": 1}, deterministic=True
    )
    linked = {"role": "assistant", "content": first.content}
    after: Any = {"role": "user", "content": "On"}

    answers = [
        ask(client, [*HELLO, before, after], seed=4, extra_body=alone) for before in (first, linked)
    ]

    made = b"GLYPH" + second.media[-1].media.data.tobytes()
    urls = [answer.choices[0].message.parts[-1]["glyph_url"]["url"] for answer in answers]
    assert [client._client.get(url).content for url in urls] == [made, made]


def test_media_that_came_as_data_go_back_as_data(client: OpenAI) -> None:
    message = ask(client, extra_body=TWO).choices[0].message.to_dict()
    for one in message["parts"]:
        one.pop("id", None)

    answer = ask(client, [*HELLO, message, {"role": "user", "content": "On"}], extra_body=ONE)

    assert answer.choices[0].message.parts


def test_several_answers_have_seeds_of_their_own(client: OpenAI) -> None:
    both = ask(client, n=2, temperature=1.0)
    alone = [ask(client, seed=seed, temperature=1.0).choices[0].message.content for seed in (3, 4)]
    streamed = ["", ""]
    for chunk in ask(client, n=2, temperature=1.0, stream=True):
        streamed[chunk.choices[0].index] += chunk.choices[0].delta.content or ""

    assert [choice.message.content for choice in both.choices] == alone == streamed
    assert [choice.seed for choice in both.choices] == [3, 4]


def test_without_a_seed_there_is_a_new_one_each_time(client: OpenAI) -> None:
    seeds = {ask(client, seed=None).choices[0].seed for _ in range(3)}

    assert len(seeds) == 3


def test_modalities_say_what_an_answer_may_hold(client: OpenAI) -> None:
    options: Any = {"glyph": {"steps": 1}}
    none = ask(client, modalities=["text"], max_tokens=20)
    some = ask(
        client,
        modalities=["text", "glyph"],
        extra_body={"nextgpt": {"require": {"glyph": 1}, "decoder_options": options}},
    )

    assert {one["type"] for one in none.choices[0].message.parts} <= {"text"}
    assert "glyph_url" in {one["type"] for one in some.choices[0].message.parts}
    with pytest.raises(BadRequestError, match="nothing that this system makes"):
        ask(client, modalities=["hologram"])


def test_failed_medium_is_a_typed_part_and_the_rest_arrives(client: OpenAI) -> None:
    extra = {"nextgpt": {"require": {"glyph": 1}, "decoder_options": {"glyph": {"fail": "raise"}}}}

    message = ask(client, extra_body=extra).choices[0].message
    streamed = list(ask(client, extra_body=extra, stream=True))

    assert message.parts[0]["type"] == "text"
    failed = message.parts[-1]
    assert failed["status"] == "failed"
    assert failed["error"]["code"] == "media_failed"
    assert "told to fail" not in str(failed)  # the log has what it said
    assert message.content.endswith("[glyph: failed]")
    assert streamed[-1].choices[0].finish_reason
    after: Any = [*HELLO, message, {"role": "user", "content": "On"}]
    assert ask(client, after).choices


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools is not supported"),
        ({"logprobs": True}, "logprobs is not supported"),
        ({"frequency_penalty": 1.0}, "frequency_penalty is not supported"),
        ({"response_format": {"type": "json_object"}}, "response_format is not supported"),
        ({"temperature": 3}, "temperature"),
        ({"n": 0}, "n: "),
        ({"max_tokens": 0}, "max_tokens"),
        ({"extra_body": {"nextgpt": {"requires": {}}}}, "nextgpt.requires"),
        ({"extra_body": {"nextgpt": {"require": {"rune": 1}}}}, "no such media"),
        ({"extra_body": {"nextgpt": {"format": {"glyph": "png"}}}}, "glyph"),
        ({"extra_body": {"nextgpt": {"decoder_options": {"glyph": {"steps": 0}}}}}, "steps"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "role"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "end with one of the user"),
        ({"messages": [{"role": "user", "content": [{"type": "hologram_url"}]}]}, "hologram_url"),
        ({"messages": [{"role": "user", "content": "x " * 9000}]}, "tokens"),
    ],
)
def test_what_cannot_be_done_is_said_to_be_a_mistake(
    client: OpenAI, options: Any, said: str
) -> None:
    with pytest.raises(BadRequestError, match=re.escape(said)) as caught:
        ask(client, **options)

    assert caught.value.type == "invalid_request_error"
    assert caught.value.code
    stream = {"stream": True, **options}
    with pytest.raises(BadRequestError, match=re.escape(said)):
        ask(client, **stream)


def test_fields_that_ask_for_nothing_are_taken(client: OpenAI) -> None:
    neutral: Any = {
        "tools": [],
        "frequency_penalty": 0,
        "logprobs": False,
        "user": "me",
        "metadata": {"a": "b"},
        "response_format": {"type": "text"},
        "store": True,
    }

    assert ask(client, **neutral).choices[0].message.content == (
        ask(client).choices[0].message.content
    )


def test_another_model_is_not_found(client: OpenAI) -> None:
    with pytest.raises(NotFoundError) as caught:
        ask(client, model="gpt-4o")

    assert caught.value.code == "model_not_found"


def test_media_are_taken_in_every_spelling(client: OpenAI, glyph_file: Path) -> None:
    packed = base64.b64encode(glyph_file.read_bytes()).decode()
    url = f"data:application/x-glyph;base64,{packed}"
    spellings: list[Any] = [
        {"type": "glyph_url", "glyph_url": {"url": url}},
        {"type": "glyph_url", "glyph_url": url},
        {"type": "input_glyph", "input_glyph": {"data": packed, "format": "glyph"}},
        {"type": "file", "file": {"file_data": url, "filename": "a.glyph"}},
        {"type": "input_file", "file_data": url, "filename": "a.glyph"},
        {"type": "glyph", "glyph": {"base64": packed}},
    ]
    usages = [
        ask(client, [{"role": "user", "content": [{"type": "text", "text": "x"}, one]}]).usage
        for one in spellings
    ]

    assert {usage.prompt_tokens_details.media_tokens for usage in usages} == {8}
    many: Any = [{"role": "user", "content": spellings}]
    assert ask(client, many).usage.prompt_tokens_details.media_tokens == 48


def test_nothing_is_read_from_where_a_request_says(client: OpenAI, glyph_file: Path) -> None:
    for address in (str(glyph_file), glyph_file.as_uri(), "http://127.0.0.1:1/a.glyph"):
        one = {"type": "glyph_url", "glyph_url": {"url": address}}
        with pytest.raises(BadRequestError):
            ask(client, [{"role": "user", "content": [one]}])
