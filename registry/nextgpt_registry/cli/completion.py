"""Completion in bash, zsh, fish and PowerShell: typer's own, over commands that stay unimported.

A shell asks by the variable `_NEXTGPT_COMPLETE`. The command that the line names is imported, for
its options; all others are known by name and summary.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, NoReturn

import typer
from typer.completion import get_completion_script, install  # type: ignore[attr-defined]
from typer.main import get_command

from nextgpt_registry.cli.commands import load, summary
from nextgpt_registry.entrypoints import Installed
from nextgpt_registry.errors import NextGPTError, RequestError

SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")
NAME, ASKED = "nextgpt", "_NEXTGPT_COMPLETE"


def complete(
    given: Sequence[str], known: Mapping[str, Installed], made: Callable[[Any, str], Any]
) -> None:
    """Answer a shell, or a user who wants completion; ends in `SystemExit`.

    `made` turns an imported command into typer's own kind.

    Raises:
        RequestError: there is no completion for such a shell.
    """
    if len(given) == 2:  # a shell is named; typer's own options take the one that they find
        _for_shell(*given)
    app = typer.Typer()
    app.callback()(_options)
    for name, entry in known.items():
        app.command(name, help=summary(entry))(_nothing)
    group: Any = get_command(app)
    name = next((word for word in _words()[1:] if not word.startswith("-")), "")
    if name in known:
        with contextlib.suppress(NextGPTError):  # a broken command still has its name
            group.add_command(made(load(known[name]), name), name)
    group.main(args=list(given), prog_name=NAME)


def _for_shell(option: str, shell: str) -> NoReturn:
    if shell not in SHELLS:
        raise RequestError(f"{option} {shell}", "is no shell", f"known: {', '.join(SHELLS)}")
    if option == "--show-completion":
        sys.stdout.write(
            f"{get_completion_script(prog_name=NAME, complete_var=ASKED, shell=shell)}\n"
        )
    else:
        _, path = install(shell=shell, prog_name=NAME)
        sys.stdout.write(f"{path}: {shell} completes from the next one that you open\n")
    sys.exit(0)


def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show where errors come from.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    pass


def _words() -> list[str]:
    """The line so far, as the shells hand it over."""
    line = os.environ.get("_TYPER_COMPLETE_ARGS") or os.environ.get("COMP_WORDS", "")
    try:
        return shlex.split(line)
    except ValueError:  # a quotation that is not closed yet
        return line.split()


def _nothing() -> None:
    pass
