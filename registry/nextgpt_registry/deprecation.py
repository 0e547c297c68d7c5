"""Old forms of the protocol: they work, and say what to write instead and until when.

Knows none of them: whoever accepts one calls `warn`. What is deprecated, and for how long it lives,
is in docs/reference/api-policy.md.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class NextGPTDeprecationWarning(FutureWarning):
    """An old form that works until API `removed`; shown to everybody, as every `FutureWarning`."""

    def __init__(self, who: str, what: str, *, since: str, removed: str, instead: str) -> None:
        super().__init__(who, what)
        self.who = who
        self.what = what
        self.since = since  # the API that deprecated it
        self.removed = removed  # the API that refuses it
        self.instead = instead

    def __str__(self) -> str:
        """Who uses what, since when and until when; the remedy on a line of its own."""
        return (
            f"{self.who}: {self.what} is deprecated since API {self.since} and refused from API "
            f"{self.removed} on\n  fix: {self.instead}"
        )


def warn(warning: NextGPTDeprecationWarning, at: Callable[..., Any]) -> None:
    """Show a warning as one about the line where the function `at` is written."""
    code = inspect.unwrap(at).__code__
    warnings.warn_explicit(warning, type(warning), code.co_filename, code.co_firstlineno)


@contextmanager
def collected() -> Iterator[list[NextGPTDeprecationWarning]]:
    """The old forms that the block uses, told when it ends; each is shown once in a process.

    Other warnings of the block are shown as usual.
    """
    found: list[NextGPTDeprecationWarning] = []
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", NextGPTDeprecationWarning)
        yield found
    for one in seen:
        if isinstance(one.message, NextGPTDeprecationWarning):
            found.append(one.message)
            if str(one.message) in _SHOWN:
                continue
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
        _SHOWN.add(str(one.message))


_SHOWN: set[str] = set()
