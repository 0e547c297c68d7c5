"""Find the command that was typed and run it. Knows no command but by name.

Dispatched by hand: a typer group would import every command to print its help. Exit codes: 0; 2
for whatever the user can mend, told in one message; 130 when interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from nextgpt_registry.alternatives import did_you_mean
from nextgpt_registry.cli.commands import commands, load, summary
from nextgpt_registry.errors import Cancelled, NextGPTError
from nextgpt_registry.extras import how_to_install

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run `nextgpt COMMAND …`; always ends in `SystemExit`."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        sys.exit(_main(given))
    except (KeyboardInterrupt, Cancelled):
        _interrupted()
    except SystemExit as ended:  # typer has met the KeyboardInterrupt itself
        if ended.code == _INTERRUPTED:
            _interrupted()
        raise
    except ModuleNotFoundError as error:
        if (error.name or "nextgpt_").startswith("nextgpt_"):
            raise  # ours is a fault of ours, and not of the installation
        sys.stderr.write(f"nextgpt: {_missing(given, error.name or '')}\n")
        sys.exit(2)
    except NextGPTError as error:
        sys.stderr.write(f"nextgpt: {error}\n")
        sys.exit(2)


def _missing(given: Sequence[str], module: str) -> NextGPTError:
    what = f"needs the module {module!r}, which is not installed"
    return NextGPTError(f"nextgpt {given[0]}", what, how_to_install(module))


def _interrupted() -> NoReturn:
    sys.stderr.write("nextgpt: interrupted\n")
    sys.exit(_INTERRUPTED)


def _main(given: Sequence[str]) -> int:
    if not given or given[0] in ("-h", "--help", "help"):
        sys.stdout.write(_help())
        return 0
    if given[0] in ("-V", "--version"):
        sys.stdout.write(f"nextgpt {_version()}\n")
        return 0
    known = commands()
    if given[0] not in known:
        fix = did_you_mean(given[0], known)
        raise NextGPTError(repr(given[0]), "is no command", f"{fix}; see `nextgpt --help`")
    _run(load(known[given[0]]), given[0], list(given[1:]))
    return 0


def _run(command: Any, name: str, arguments: list[str]) -> None:
    """Hand the rest of the line to typer, which prints usage errors and exits with 2."""
    import typer  # 40 ms, which the list of commands does not need
    from typer.main import get_command

    if isinstance(command, typer.Typer):
        app = command
    else:
        app = typer.Typer(add_completion=False)
        app.command(name)(command)
    get_command(app).main(args=arguments, prog_name=f"nextgpt {name}")


def _help() -> str:
    known = commands()
    width = max(map(len, known), default=0) + 2
    rows = "".join(f"  {name:<{width}}{summary(entry)}\n" for name, entry in known.items())
    return (
        "Usage: nextgpt COMMAND [ARGUMENTS] [--help]\n\n"
        "Any-to-any multimodal chat, made of plugins.\n\n"
        f"Commands:\n{rows}\n"
        "`nextgpt COMMAND --help` says more about one of them.\n"
    )


def _version() -> str:
    from importlib.metadata import version

    return version("nextgpt-registry")
