"""How many files whoever follows a request has to open."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import nextgpt_core
from nextgpt_core.testing import SystemKit

ROOT = f"{Path(nextgpt_core.__file__).parent}/"
MOST = 26


@contextmanager
def entered() -> Iterator[set[str]]:
    """The core's files whose code is run meanwhile, by any thread that is started meanwhile."""
    found: set[str] = set()

    def note(frame: FrameType, event: str, arg: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(ROOT):
            found.add(frame.f_code.co_filename.removeprefix(ROOT))

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield found
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]


def test_a_request_runs_through_few_files(kit: SystemKit) -> None:
    with kit.pipeline() as pipeline, entered() as found:
        pipeline.chat("hello there", require={"glyph": 1}, max_tokens=8)  # what is made once
        found.clear()

        answer = pipeline.chat("hi again", require={"glyph": 1}, max_tokens=8)

        files = sorted(name for name in found if not name.startswith("testing/"))

    assert len(answer.media) == 1
    assert len(files) <= MOST, files
