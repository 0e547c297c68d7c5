"""`nextgpt serve` as a process: it says where it is, drains when asked to stop, and hurries."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from openai import OpenAI

from nextgpt_core.testing import SystemKit
from nextgpt_registry import dump_config

pytestmark = pytest.mark.timeout(180)
MAIN = "from nextgpt_registry.cli import main; main()"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A system of text alone: no plugin of a test is installed."""
    folder = tmp_path_factory.mktemp("text")
    kit = SystemKit(folder, plugins={}, channels={})
    file = folder / "talk.yaml"
    file.write_text(dump_config(kit.builder.set(generation={"max_tokens": 900}).config()))
    return file


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-c", MAIN, "serve", *arguments, "--port", "0"]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"served at (http://\S+)", line)
        try:
            assert found, line + process.communicate(timeout=30)[1]
            yield process, found[1]
        finally:
            process.kill()


@pytest.mark.slow
def test_server_answers_what_it_began_and_then_ends(config: Path) -> None:
    with (
        running(str(config)) as (process, url),
        OpenAI(base_url=f"{url}/v1", api_key="x") as client,
    ):
        until = time.monotonic() + 60
        while client._client.get(f"{url}/ready").status_code != 200:
            assert time.monotonic() < until
            time.sleep(0.05)
        chunks = client.chat.completions.create(
            model="kit",
            messages=[{"role": "user", "content": "Hello"}],
            stream=True,
            temperature=1.0,
            seed=5,
        )
        next(iter(chunks))
        process.send_signal(signal.SIGTERM)
        rest = list(chunks)
        _, told = process.communicate(timeout=60)

    assert rest[-1].choices[0].finish_reason
    assert process.returncode == 0, told
    assert '"route": "/v1/chat/completions", "status": 200' in told
    assert "Hello" not in told


@pytest.mark.slow
def test_second_signal_ends_it_at_once(config: Path) -> None:
    with (
        running(str(config), "--drain", "600") as (process, url),
        OpenAI(base_url=f"{url}/v1", api_key="x") as client,
    ):
        chunks = client.chat.completions.create(
            model="kit", messages=[{"role": "user", "content": "Hello"}], stream=True
        )
        next(iter(chunks))
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) in (0, 128 + signal.SIGTERM)


def test_host_for_all_without_keys_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MAIN, "serve", "mini", "--host", "0.0.0.0"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "--no-keys" in done.stderr
