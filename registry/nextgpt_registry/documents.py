"""JSON and YAML from outside: read within bounds, or refused in words. Knows no config.

Everything that people write or other programs leave behind is parsed here. A document may be
malformed, huge, endless, nested without end or grow when its aliases are followed; whatever the
parsers raise then becomes one of our errors.
"""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nextgpt_registry.errors import ConfigError, NextGPTError

if TYPE_CHECKING:
    import yaml

DEEPEST = 64
"""Levels of a document, each list or mapping being one."""

LARGEST_YAML = 200_000
"""Bytes of a file that people write."""

LARGEST_JSON = 100_000_000
"""Bytes of a file that programs write."""

_MOST_VALUES = 20_000  # in YAML, after aliases: more is no config, and takes minutes
_MOST_DIGITS = 40
_PARSERS_RAISE = (ValueError, KeyError, AttributeError, TypeError, IndexError, OverflowError)
_FIX = "check the file"


def read_text(
    path: Path,
    *,
    error: type[NextGPTError] = ConfigError,
    fix: str = _FIX,
    at_most: int = LARGEST_YAML,
) -> str:
    """The text of a regular file, without the mark that some editors put before it.

    Raises:
        NextGPTError: (of the class `error`) there is none, it is longer, or it is not UTF-8.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe or a device may never end
            raise ValueError("is no regular file")
        if found.st_size > at_most:
            raise ValueError(f"has {found.st_size:,} bytes, more than the {at_most:,} accepted")
        with path.open("rb") as file:
            data = file.read(at_most + 1)  # files grow
        if len(data) > at_most:
            raise ValueError(f"has more than the {at_most:,} bytes accepted")
        return data.decode("utf-8-sig")
    except (OSError, ValueError) as found_error:
        raise error(str(path), f"cannot be read: {found_error}", fix) from found_error


def read_json(path: Path, *, error: type[NextGPTError] = ConfigError, fix: str = _FIX) -> Any:
    """What a JSON file says.

    Raises:
        NextGPTError: (of the class `error`) it cannot be read, or is no JSON.
    """
    text = read_text(path, error=error, fix=fix, at_most=LARGEST_JSON)
    try:
        return json_of(text)
    except ValueError as found:
        raise error(str(path), f"cannot be read: is no JSON: {found}", fix) from found


def read_yaml(path: Path, *, error: type[NextGPTError] = ConfigError, fix: str = _FIX) -> Any:
    """What a YAML file says: numbers as in YAML 1.2, dates as text.

    Raises:
        NextGPTError: (of the class `error`) it cannot be read, or is no YAML.
    """
    text = read_text(path, error=error, fix=fix)
    try:
        return yaml_of(text)
    except ValueError as found:
        raise error(str(path), f"is no YAML: {found}", fix) from found


def json_of(text: str | bytes) -> Any:
    """What JSON says.

    Raises:
        ValueError: it is none, says a key twice, or is nested too deep.
    """
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_int=_whole)
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    check_depth(found)
    return found


def yaml_of(text: str) -> Any:
    """What YAML says.

    Raises:
        ValueError: it is none, says a key twice, or is too large when its aliases are followed.
    """
    import yaml  # 20 ms, and many a command needs none

    try:
        loader = _loader()(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _Measure(_inner).of(node)
        return _constructed(loader, node)
    except yaml.YAMLError as error:
        where = " ".join(str(getattr(error, "problem_mark", None) or "").split())
        where = where.replace('"<unicode string>", ', "")
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        raise ValueError(f"{problem} {where}".strip()) from error
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error


def _constructed(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    try:
        return loader.construct_document(node)
    except _PARSERS_RAISE as error:  # of a value that does not fit its tag, `!!float x`
        raise ValueError(f"a value does not fit its tag: {error}") from error


def check_depth(value: Any) -> None:
    """Raise for lists and mappings in each other deeper than `DEEPEST`, or in themselves.

    Raises:
        ValueError: they are.
    """
    level = {id(value): value}
    for _ in range(DEEPEST + 1):
        level = {id(one): one for held in level.values() for one in _held(held) if _holds(one)}
        if not level:
            return
    raise ValueError(_TOO_DEEP)


def check_size(value: Any) -> None:
    """Raise for what is deeper than `DEEPEST`, or large when each value held twice is a copy.

    Raises:
        ValueError: it is.
    """
    _Measure(_held).of(value)


_TOO_DEEP = f"is nested more than {DEEPEST} levels deep"


def _holds(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple)


def _held(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple) else ()


def _check_text(value: Any) -> None:
    """Refuse half a character (a lone surrogate), as an escape can spell it."""
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            half = ascii(value[error.start])
            raise ValueError(f"a text holds half a character: {half}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice")
    return found


def _whole(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


class _Measure:
    """How many values there are in one, when what stands in several places is a copy in each."""

    def __init__(self, held: Callable[[Any], Iterable[Any]]) -> None:
        self._held = held
        self._known: dict[int, int] = {}
        self._open: set[int] = set()

    def of(self, value: Any, depth: int = 0) -> int:
        """The number of values; refuses too many, too deep, or one that holds itself."""
        key = id(value)
        if key in self._known:
            return self._known[key]
        if key in self._open:
            raise ValueError("it holds itself")
        if depth > DEEPEST:
            raise ValueError(_TOO_DEEP)
        _check_text(getattr(value, "value", value))
        self._open.add(key)
        count = 1
        for inner in self._held(value):
            count += self.of(inner, depth + 1)
            if count > _MOST_VALUES:
                raise ValueError(f"it holds more than {_MOST_VALUES:,} values")
        self._open.remove(key)
        self._known[key] = count
        return count


def _inner(node: yaml.Node) -> Iterator[yaml.Node]:
    if node.id == "mapping":
        seen = set()
        for key, value in node.value:
            if key.id == "scalar":
                if key.value in seen and key.value != "<<":
                    raise ValueError(f"the key {key.value!r} stands twice")
                seen.add(key.value)
            yield key
            yield value
    elif node.id == "sequence":
        yield from node.value
    elif node.tag.endswith((":int", ":float")) and len(node.value) > _MOST_DIGITS:
        raise ValueError(f"a number of {len(node.value)} digits")


@cache
def _loader() -> type[yaml.SafeLoader]:
    """YAML without what surprises: `1e-4` is a number, and no text becomes a date."""
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        """Has resolvers of its own."""

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in known if tag not in _OWN]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))
    return Loader


_OWN = {"tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp"}
_FLOAT = re.compile(
    r"""^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?
    |[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+
    |[-+]?\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?
    |[-+]?\.(?:inf|Inf|INF)
    |\.(?:nan|NaN|NAN))$""",
    re.VERBOSE,
)
