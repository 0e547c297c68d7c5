"""Inputs that nobody should send. `expect` says what each should come to, and counts it.

A run ends with the counts by kind (the repository's conftest.py prints them); a test here that
doesn't use `expect` counts as one input, right if it passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nextgpt_registry import NextGPTError

# TypeError is what Python's users know for an argument of the wrong type; its wording is ours.
CLEAN = (NextGPTError, TypeError)


class Expect:
    """What one test's inputs came to."""

    def __init__(self) -> None:
        self.counts = {"right": 0, "refused": 0}  # plain: it travels between processes

    def answer(self, act: Callable[[], Any], wanted: Any = None) -> Any:
        """`act()` answers: what `wanted` is, or what `wanted(answer)` finds true."""
        answer = act()

        right = wanted(answer) if callable(wanted) else wanted is None or answer == wanted
        assert right, f"answered {answer!r}"
        self.counts["right"] += 1
        return answer

    def refusal(
        self,
        act: Callable[[], Any],
        *words: str,
        error: type[Exception] | tuple[type[Exception], ...] = NextGPTError,
    ) -> str:
        """`act()` raises one of ours that says each of `words`; the message."""
        with pytest.raises(error) as raised:
            act()

        return self._refused(raised.value, words)

    def clean(self, act: Callable[[], Any], *words: str) -> Any:
        """`act()` answers, or is refused by one of ours: what a property asks of any input."""
        try:
            answer = act()
        except CLEAN as error:
            return self._refused(error, words)
        self.counts["right"] += 1
        return answer

    def _refused(self, error: BaseException, words: tuple[str, ...]) -> str:
        message = str(error)
        assert [word for word in words if word.lower() not in message.lower()] == [], message
        if isinstance(error, TypeError):
            assert _ours(error), f"not our wording, but Python's: {message}"
        assert len(message) < 20_000, f"a message of {len(message)} characters"
        self.counts["refused"] += 1
        return message


def _ours(error: BaseException) -> bool:
    """Whether it was raised by our code's own `raise`, not by an operation inside."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and "nextgpt_" in trace.tb_frame.f_globals.get("__name__", "")


@pytest.fixture
def expect(request: pytest.FixtureRequest) -> Expect:
    expected = Expect()
    request.node.user_properties.append(("hostile", expected.counts))
    return expected


@pytest.fixture(scope="session")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Tiny systems that speak in glyphs."""
    from nextgpt_core.testing import SystemKit  # torch: only where a test needs it

    return SystemKit(tmp_path_factory.mktemp("kit"))


@pytest.fixture(scope="session")
def pipeline(kit: Any) -> Iterator[Any]:
    """One live system that all tests of a process share, as threads of a server would."""
    with kit.pipeline("generation.max_tokens=2") as pipeline:
        yield pipeline
