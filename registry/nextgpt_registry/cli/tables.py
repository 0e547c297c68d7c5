"""Tables, lines and JSON on standard output; never cut where it is no terminal. Know no content."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

_PIPED = 10_000  # columns: a table is as wide as its cells


def console() -> Console:
    """Standard output, as wide as the terminal."""
    from rich.console import Console  # 40 ms, which `--json` does not need

    return Console(width=None if sys.stdout.isatty() else _PIPED, highlight=False)


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()
) -> None:
    """Print rows under their columns, those named in `right` flush right."""
    from rich.table import Table

    if title:
        print_lines("", title)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(
            column,
            justify="right" if column in right else "left",
            overflow="fold",
            no_wrap=not sys.stdout.isatty(),
        )
    for row in rows:
        table.add_row(*(_plain(cell) for cell in row))
    console().print(table)


@contextmanager
def json_alone(wanted: bool) -> Iterator[None]:
    """With `--json`: what the block writes to standard output, whoever it is, goes to stderr.

    So do processes that it starts, and libraries that know no `sys.stdout`.
    """
    if not wanted:
        yield
        return
    with contextlib.ExitStack() as undo:
        with contextlib.suppress(OSError, ValueError):  # no files: a notebook's, or a test's
            sys.stdout.flush()
            number = sys.stdout.fileno()
            kept = os.dup(number)
            undo.callback(os.close, kept)
            undo.callback(os.dup2, kept, number)
            os.dup2(sys.stderr.fileno(), number)
        undo.enter_context(contextlib.redirect_stdout(sys.stderr))
        yield


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def print_lines(*lines: str) -> None:
    """Print lines as they are."""
    sys.stdout.writelines(f"{line}\n" for line in lines)


def megabytes(count: float | None) -> str:
    """`12.3 MB`; `?` where it is not known."""
    return "?" if count is None else f"{count / 1e6:,.1f} MB"


def _plain(cell: str) -> str:
    return cell.replace("[", r"\[")
