"""Find what a `"package.module:Name"` names; probe for modules. Does not know what they do.

`locate` and `missing` import nothing, not even the parents of a dotted name.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from nextgpt_registry.alternatives import did_you_mean
from nextgpt_registry.errors import PluginError
from nextgpt_registry.extras import how_to_install
from nextgpt_registry.specs import Options


class NoOptions(Options):
    """What a component that declares no options is built with."""


def locate(module: str) -> ModuleSpec | None:
    """The spec of a dotted module, found by walking its packages' folders; None if it is not there.

    `importlib.util.find_spec` would import the parents, and a parent may import anything.
    """
    first, *rest = module.split(".")
    spec = _top_level(first)
    for part in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        # By its last name alone: with the dotted one, folders without __init__.py are looked up
        # through their parent in sys.modules.
        spec = PathFinder.find_spec(part, list(spec.submodule_search_locations))
    return spec


def absent(target: str) -> Iterator[tuple[str, str]]:
    """What of a target is not there, and how to mend it; its module is read, not imported.

    A module whose names no reading tells (`import *`, `__getattr__`) is believed.
    """
    module, _, name = target.partition(":")
    spec = locate(module)
    if spec is None:
        yield f"there is no module {module}", "install it"
    elif spec.origin and spec.origin.endswith(".py"):
        known = _names(Path(spec.origin))
        if known and name not in known:
            yield (
                f"module {module!r} has no {name!r}",
                did_you_mean(name, sorted(n for n in known if n[0] != "_")),
            )


def missing(modules: Iterable[str]) -> tuple[str, ...]:
    """Those of the modules that could not be imported because they are not there."""
    return tuple(name for name in modules if locate(name) is None)


def resolve(target: str) -> Any:
    """Import the module of a target and return what it names.

    Raises:
        PluginError: the module is not there, fails to import, or lacks the name.
    """
    module, _, name = target.partition(":")
    with blamed(target):
        loaded = importlib.import_module(module)
    try:
        return getattr(loaded, name)
    except AttributeError:
        known = [n for n in vars(loaded) if not n.startswith("_")]
        raise PluginError(
            target, f"module {module!r} has no {name!r}", did_you_mean(name, known)
        ) from None


def options_model(target: str | None) -> type[BaseModel]:
    """The pydantic model that a component's `options` name; `NoOptions` where they name none.

    Raises:
        PluginError: it cannot be imported, or is no pydantic model that forbids extra keys.
    """
    if target is None:
        return NoOptions
    model = resolve(target)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise PluginError(target, f"wanted a pydantic model, found {model!r}", "declare a model")
    if model.model_config.get("extra") != "forbid":
        raise PluginError(
            target,
            "accepts unknown options, so a misspelt one would be ignored",
            "derive it from nextgpt_registry.Options, which forbids them",
        )
    return model


def package_file(where: str) -> Path:
    """The path of `"package:path/inside"`, without importing the package.

    Raises:
        PluginError: there is no such package, or no such file in it.
    """
    package, _, inside = where.partition(":")
    spec = locate(package)
    folders: Sequence[str] = (spec and spec.submodule_search_locations) or ()
    for folder in folders:
        path = Path(folder, inside)
        if path.is_file():
            return path
    what = f"the package has no file {inside!r}" if folders else f"there is no package {package!r}"
    raise PluginError(where, what, "write 'package:path/inside.yaml', and ship the file")


@contextmanager
def blamed(who: str, package: str = "") -> Iterator[None]:
    """Whatever the block raises becomes a `PluginError` about `who`; ours pass as they are.

    It says where in `package` it came from; by default, in that of the target `who`.
    """
    try:
        yield
    except PluginError:
        raise
    except ModuleNotFoundError as error:
        raise PluginError(
            who,
            f"needs the module {error.name!r}, which is not installed"
            + place(error, package or who),
            how_to_install(error.name or "", who=who),
        ) from error
    except (Exception, SystemExit) as error:  # foreign code: anything may come out of it
        told = error.msg if isinstance(error, SyntaxError) else str(error)
        first_line = told.strip().partition("\n")[0]
        raise PluginError(
            who,
            f"{type(error).__name__}: {first_line}{place(error, package or who)}",
            "report it to the plugin's author",
        ) from error


def _names(path: Path) -> set[str]:
    """The names that a module's own text gives it; none where that cannot be told."""
    try:
        todo: list[ast.AST] = [ast.parse(path.read_bytes())]
    except (OSError, SyntaxError, ValueError):  # importing it says what is wrong
        return set()
    found: set[str] = set()
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
            continue  # what is inside is its own
        if isinstance(node, ast.alias):
            found.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        todo += ast.iter_child_nodes(node)
    return set() if found & {"*", "__getattr__"} else found


def place(error: BaseException, *packages: str) -> str:
    """`, at FILE:LINE`: the last line of a module in these packages that `error` came through.

    Of a `SyntaxError` the line that cannot be read. Empty where none of them is concerned; a
    package may be given as a module or a target in it.
    """
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return f", at {error.filename}:{error.lineno}"
    tops = {package.partition(":")[0].partition(".")[0] for package in packages}
    found = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if str(frame.f_globals.get("__name__")).partition(".")[0] in tops:
            found = f", at {frame.f_code.co_filename}:{line}"
    return found


def _top_level(name: str) -> ModuleSpec | None:
    loaded = sys.modules.get(name)
    if loaded is not None:
        spec: ModuleSpec | None = getattr(loaded, "__spec__", None)
        return spec or ModuleSpec(name, None)  # `__main__` and hand-made modules have none
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError):  # a finder of a broken editable install
        return None
