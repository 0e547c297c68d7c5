"""Find the command that was typed and run it. Knows no command but by name.

Dispatched by hand: a typer group would import every command to print its help. Exit codes: 0; 2
for whatever the user can mend, told in one message; 130 when interrupted; 1 for a fault of ours or
of a plugin, whose traceback `nextgpt --debug` (or NEXTGPT_DEBUG=1) shows.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from nextgpt_registry.alternatives import did_you_mean
from nextgpt_registry.cli.commands import commands, load, summary
from nextgpt_registry.errors import Cancelled, NextGPTError, RequestError
from nextgpt_registry.extras import how_to_install
from nextgpt_registry.paths import local_path

_INTERRUPTED = 130
_OUR_FAULT = 1
_DEBUG = "NEXTGPT_DEBUG"
_WINDOWS = os.name == "nt"
_COMPLETING = "_NEXTGPT_COMPLETE"  # set by a shell that asks how a line could go on
_COMPLETION = ("--install-completion", "--show-completion")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run `nextgpt COMMAND …`; always ends in `SystemExit`."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    _open_streams()
    if given[:1] == ["--debug"]:
        os.environ[_DEBUG] = "1"  # of processes that it starts as well
        given = given[1:]
    try:
        code = _main(given)
        sys.stdout.flush()  # here, where a full disk can be told
        sys.exit(code)
    except (KeyboardInterrupt, Cancelled):
        _interrupted()
    except SystemExit as ended:  # typer has met the KeyboardInterrupt itself
        if ended.code == _INTERRUPTED:
            _interrupted()
        raise
    except BrokenPipeError:  # whoever read along has seen enough
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (to the end of the process)
        sys.exit(141)
    except Exception as error:
        message, code = _told(error, given)
        if os.environ.get(_DEBUG):
            if code == _OUR_FAULT:
                raise
            traceback.print_exc()
        _fail(message, code)


def _told(error: Exception, given: Sequence[str]) -> tuple[str, int]:
    """What is said of an error, and the exit code."""
    match error:
        case NextGPTError():
            return str(error), 2
        case ModuleNotFoundError(name=str(name)) if not re.match(r"nextgpt_\w+\.", name):
            return str(_missing(given, name)), 2
        case OSError():  # no place left, a disk gone: what no code could have known before
            return f"the system refused: {error}\n  fix: make room, or use other files", 2
        case MemoryError():
            return "the memory is full\n  fix: free some, or take a smaller system or medium", 2
    return (
        f"unexpected {type(error).__name__}: {error}\n"
        "  this is a fault of nextgpt or of a plugin, not yours\n"
        "  fix: report it, with what `nextgpt --debug …` prints",
        _OUR_FAULT,
    )


def _open_streams() -> None:
    """Let no name of a file, however it is encoded, keep a message from being printed."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started the process
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 (to the end of the process)
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="surrogateescape" if mode == "r" else "backslashreplace")
            if _WINDOWS and not stream.isatty():  # else pipes are of the country's code page
                stream.reconfigure(encoding="utf-8")


def _fail(message: str, code: int) -> NoReturn:
    with contextlib.suppress(OSError, ValueError):  # there may be nobody to tell
        sys.stdout.flush()
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"nextgpt: {message}\n")
        sys.stderr.flush()
    sys.exit(code)


def _missing(given: Sequence[str], module: str) -> NextGPTError:
    what = f"needs the module {module!r}, which is not installed"
    fix = how_to_install(module, who=f"nextgpt_{given[0]}")  # a plugin's command: its own extra
    return NextGPTError(f"nextgpt {given[0]}", what, fix)


def _interrupted() -> NoReturn:
    sys.stderr.write("nextgpt: interrupted\n")
    sys.exit(_INTERRUPTED)


def _main(given: Sequence[str]) -> int:
    if _COMPLETING in os.environ or (given and given[0].partition("=")[0] in _COMPLETION):
        from nextgpt_registry.cli.completion import complete  # lazy: typer, 40 ms

        complete(given, commands(), _as_typers)
    if not given or given[0] in ("-h", "--help", "help"):
        sys.stdout.write(_help())
        return 0
    if given[0] in ("-V", "--version"):
        sys.stdout.write(f"nextgpt {_version()}\n")
        return 0
    known = commands()
    if given[0] not in known:
        fix = did_you_mean(given[0], known)
        if find_spec("nextgpt_core") is None:
            fix = "`pip install nextgpt-core` brings run, chat, train, eval and others"
        raise NextGPTError(repr(given[0]), "is no command", f"{fix}; see `nextgpt --help`")
    _run(load(known[given[0]]), given[0], list(given[1:]))
    return 0


def _run(command: Any, name: str, arguments: list[str]) -> None:
    """Hand the rest of the line to typer, which prints usage errors and exits with 2."""
    _as_typers(command, name).main(args=arguments, prog_name=f"nextgpt {name}")


def _as_typers(command: Any, name: str) -> Any:
    """A function or an app as typer runs it."""
    import typer  # 40 ms, which the list of commands does not need
    from typer.main import get_command

    if isinstance(command, typer.Typer):
        app = command
    else:
        app = typer.Typer(add_completion=False)
        app.command(name)(command)
    _guard_paths(app)
    return get_command(app)


def _guard_paths(app: Any) -> None:
    """Have every path of every command made fit for the file system before the command sees it."""
    for info in app.registered_commands:
        if not hasattr(info.callback, "guards"):
            info.callback = _guarded(info.callback)
    for group in app.registered_groups:
        _guard_paths(group.typer_instance)


def _guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    from typer.models import OptionInfo  # typer is there by now

    shown = {
        name: f"--{name.replace('_', '-')}" if _marks(parameter, OptionInfo) else name.upper()
        for name, parameter in inspect.signature(function, eval_str=True).parameters.items()
    }

    @functools.wraps(function)
    def called(**arguments: Any) -> Any:
        return function(**{name: _fit(shown[name], value) for name, value in arguments.items()})

    called.guards = function  # type: ignore[attr-defined]
    return called


def _marks(parameter: inspect.Parameter, kind: type) -> bool:
    """Whether `Annotated` says that a parameter is of this kind."""
    return any(isinstance(one, kind) for one in getattr(parameter.annotation, "__metadata__", ()))


def _fit(shown: str, value: Any) -> Any:
    if isinstance(value, Path):
        path = local_path(value, who=shown, error=RequestError)
        if path.exists() and not path.is_file() and not path.is_dir():  # it may never end
            raise RequestError(str(path), "is a pipe or a device", "give a file or a folder")
        return path
    if isinstance(value, list):
        return [_fit(shown, one) for one in value]
    return value


def _help() -> str:
    known = commands()
    width = max(map(len, known), default=0) + 2
    rows = "".join(f"  {name:<{width}}{summary(entry)}\n" for name, entry in known.items())
    return (
        "Usage: nextgpt [--debug] COMMAND [ARGUMENTS] [--help]\n\n"
        "Any-to-any multimodal chat, made of plugins.\n\n"
        f"Commands:\n{rows}\n"
        "`nextgpt COMMAND --help` says more about one of them; --debug shows where errors come "
        "from;\n--install-completion makes your shell complete commands, options and names.\n"
    )


def _version() -> str:
    from importlib.metadata import version

    return version("nextgpt-registry")
