"""How a test of the kit fails: what was found, what was wanted, what usually causes it.

Knows no test.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import pytest

from nextgpt_registry.errors import NextGPTError


def expect(ok: object, who: str, *, found: object, wanted: str, cause: str) -> None:
    """Fail the running test unless `ok`."""
    if not ok:
        refuse(who, found=found, wanted=wanted, cause=cause)


def refuse(who: str, *, found: object, wanted: str, cause: str) -> NoReturn:
    """Fail the running test."""
    pytest.fail(f"{who}: found {found}\n  wanted: {wanted}\n  usual cause: {cause}", pytrace=False)


@contextmanager
def attempt(who: str, wanted: str, cause: str) -> Iterator[None]:
    """Fail the running test with what the block raises: foreign code, so it may be anything."""
    try:
        yield
    except NextGPTError as error:
        refuse(who, found=f"{type(error).__name__}: {error}", wanted=wanted, cause=cause)
    except (Exception, SystemExit) as error:
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        where = f" ({place.tb_frame.f_code.co_filename}:{place.tb_lineno})" if place else ""
        refuse(who, found=f"{type(error).__name__}: {error}{where}", wanted=wanted, cause=cause)
