"""What a test class has replaced of its kits, and whether its plugin is there. Knows no test.

A kit names no plugin, and replaces nothing but by saying what is `tested`. Any other class uses
kits: it is looked at with all that it inherits, mixins included, and as it is now, not only as it
was written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nextgpt_registry.errors import PluginError

FREE = frozenset({"catalog", "plugin", "sample"})
"""What a test class may say for itself."""

_WRITTEN: dict[type, dict[str, Any]] = {}


def remember(cls: type) -> None:
    """Keep what a kit, or a class that uses kits, has in its own body."""
    _WRITTEN[cls] = dict(vars(cls))


def look(cls: type) -> None:
    """Refuse what a class has replaced, before or after its statement.

    Raises:
        PluginError: an inherited test is another and not marked `xfail(reason=…)`, or something
            else of a kit is.
    """
    for name in _replaced(cls):
        if name.startswith("test_"):
            what = f"replaces the inherited test {name}"
            fix = "mark the replacement @pytest.mark.xfail(reason='…'), without a condition, or "
            fix += "name it otherwise"
        else:
            what = f"replaces {name!r}, which is the kit's"
            fix = f"set or replace {', '.join(sorted(FREE))} alone, and add tests of other names"
        raise PluginError(f"{cls.__module__}.{cls.__qualname__}", what, fix)


def look_again(cls: Any) -> None:
    """Refuse what was replaced since the class was made, and a plugin that is not there.

    Raises:
        PluginError: something of a kit is another, or no plugin of its name is installed.
    """
    look(cls)
    if not cls.plugin:
        fix = "write plugin = 'NAME' in it, the name under which yours is installed"
        raise PluginError(f"{cls.__module__}.{cls.__qualname__}", "names no plugin", fix)
    if cls.plugin not in cls.catalog().failures:
        cls.catalog().plugin(cls.plugin)


def _replaced(cls: type) -> Iterator[str]:
    """The names of kits that stand for something else in a class."""
    public = {n for base in cls.__mro__ for n in vars(base) if not n.startswith("_")}
    for name in sorted(public - FREE):
        makers = [base for base in cls.__mro__ if name in vars(base) or name in _written(base)]
        kits = [base for base in makers if _is_kit(base)]
        if not kits:
            continue
        test = name.startswith("test_")
        found = vars(makers[0]).get(name)
        if found is not _written(kits[-1 if test else 0]).get(name) and not (
            test and _fails_with_reason(found)
        ):
            yield name


def _is_kit(cls: type) -> bool:
    written = _written(cls)
    if not written or getattr(cls, "plugin", None):
        return False
    own = [name for name in written if not name.startswith("_")]
    return "tested" in own or not any(hasattr(base, name) for base in cls.__bases__ for name in own)


def _written(cls: type) -> dict[str, Any]:
    return _WRITTEN.get(cls, {})


def _fails_with_reason(test: Any) -> bool:
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "xfail"]
    return any(m.kwargs.get("reason") and not (m.args or "condition" in m.kwargs) for m in marks)
