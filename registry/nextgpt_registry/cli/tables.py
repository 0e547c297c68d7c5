"""Tables and lines on standard output; never cut where it is no terminal. Knows no content."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

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


def print_lines(*lines: str) -> None:
    """Print lines as they are."""
    sys.stdout.writelines(f"{line}\n" for line in lines)


def megabytes(count: float | None) -> str:
    """`12.3 MB`; `?` where it is not known."""
    return "?" if count is None else f"{count / 1e6:,.1f} MB"


def _plain(cell: str) -> str:
    return cell.replace("[", r"\[")
