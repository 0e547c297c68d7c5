"""More clients than places, some of whom vanish, and decoders that die."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from openai import APIStatusError, OpenAI

from nextgpt_core import Pipeline
from nextgpt_core.testing import SystemKit

ONE: Any = {"require": {"glyph": 1}}
pytestmark = pytest.mark.timeout(180)


def ask(client: OpenAI, text: str, **options: Any) -> Any:
    messages: Any = [{"role": "user", "content": text}]
    return client.chat.completions.create(
        **{"model": "kit", "messages": messages, "max_tokens": 6, "seed": 1, **options}
    )


def test_every_request_is_answered_as_its_own_or_sent_away(
    pipeline: Pipeline, serve: Callable[..., Any]
) -> None:
    served = serve(at_once=4, waiting=8)
    client = served.client()
    alone: Any = {"nextgpt": {"deterministic": True}}
    wanted = {
        n: pipeline.chat(f"Say {n}", seed=1, max_tokens=6, deterministic=True).text
        for n in range(8)
    }

    def one(n: int) -> str:
        try:
            if n % 10 == 9:  # this one vanishes
                stream = ask(
                    client, "Bye", stream=True, max_tokens=200, extra_body={"nextgpt": ONE}
                )
                next(iter(stream))
                stream.close()
                return "vanished"
            answer = ask(client, f"Say {n % 8}", extra_body=alone).choices[0]
            parts = answer.message.parts
            text = "".join(part["text"] for part in parts if part["type"] == "text")
            return "answered" if text == wanted[n % 8] else f"mixed up: {text!r}"
        except APIStatusError as error:
            return "sent away" if int(error.response.headers["retry-after"]) >= 1 else "lost"

    with ThreadPoolExecutor(40) as pool:
        found = Counter(pool.map(one, range(120)))

    assert set(found) <= {"answered", "sent away", "vanished"}, found
    assert found["answered"]
    assert found.total() == 120
    until = time.monotonic() + 20
    while served.service.queue.under_way or served.service.queue.waiting:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert ask(client, "Hello").choices


@pytest.mark.slow
def test_decoder_process_that_dies_costs_its_own_media_alone(
    tmp_path: Path, serve: Callable[..., Any]
) -> None:
    with SystemKit(tmp_path).pipeline("modalities.glyph.decoder.executor=process") as pipeline:
        client = serve(pipeline).client()
        dies = {**ONE, "decoder_options": {"glyph": {"fail": "exit"}}}

        for _ in range(3):
            failed = ask(client, "Hello", extra_body={"nextgpt": dies}).choices[0].message
            answer = ask(client, "Hello", extra_body={"nextgpt": ONE}).choices[0].message
            assert failed.parts[-1]["error"]["code"] == "media_failed"
            assert answer.parts[-1]["status"] == "completed"
