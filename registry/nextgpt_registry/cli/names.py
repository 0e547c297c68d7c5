"""Which names a new plugin can have, and the rule that another one breaks. Writes nothing.

A name becomes a folder and a distribution (`nextgpt-NAME`), a Python module (`nextgpt_NAME`), a
plugin, a modality, a channel of configs and requests, a suffix of files (`.NAME`) and the mark of
a medium in a prompt (`<NAME>`). A name is refused where one of these would not work, or would mean
two things.
"""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from nextgpt_registry.catalog import Catalog
from nextgpt_registry.entrypoints import installed
from nextgpt_registry.errors import NextGPTError
from nextgpt_registry.hookspecs import ENTRY_POINTS
from nextgpt_registry.targets import locate

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 40
_PREFIX = "nextgpt-"
_DEVICE = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]")
_WORDS = {
    "text": "language itself, beside the names of modalities",
    "error": "a medium that could not be made, where answers say a modality",
    "llm": "the language model, beside the names of channels",
}
_CONTROLS = ("bos", "cls", "eos", "mask", "pad", "s", "sep", "think", "unk")


def check_name(name: str) -> None:
    """Raise unless `name` can be a plugin's, a modality's and a Python module's.

    Raises:
        NextGPTError: it cannot, or is taken; the message says which rule it breaks.
    """
    for what, fix in _broken_rules(name):
        raise NextGPTError(repr(name), what, fix)


def _broken_rules(name: str) -> Iterator[tuple[str, str]]:
    """What is wrong and how to mend it, of each rule that `name` breaks; the plainest first."""
    yield from _spelling(name)
    yield from _meaning(name)
    yield from _taken(name)


def _spelling(name: str) -> Iterator[tuple[str, str]]:
    if not _NAME.fullmatch(name):
        yield (
            "is no name: it becomes a folder, a module and a modality",
            "write lower-case letters, digits and '-', beginning with a letter: 'heart-beat'",
        )
    if len(name) > _LONGEST:
        yield f"has {len(name)} characters, and {_LONGEST} at most will do", "shorten it"
    bare = name.removeprefix(_PREFIX)
    if bare != name:
        yield f"begins with {_PREFIX!r}, which is written before it anyway", f"write {bare!r}"


def _meaning(name: str) -> Iterator[tuple[str, str]]:
    """Words that something else reads as its own."""
    import yaml  # 20 ms, for this command alone

    longer = f"say more: 'my-{name}'"
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        yield "is a word of Python, and is to be a name in code", longer
    if yaml.safe_load(name) != name:
        yield f"is read by YAML as {yaml.safe_load(name)!r}: no config could say it", longer
    if name in _WORDS:
        yield f"is what nextgpt calls {_WORDS[name]}: requests and answers would mix them", longer
    if name in _CONTROLS:
        yield f"marks a medium by <{name}>, a control token of many language models", longer
    if _DEVICE.fullmatch(name):
        yield "is a device's name on Windows: no file there may be called so", longer
    if name in sys.stdlib_module_names or _is_installed_module(name) or _version(name):
        yield "is the name of a Python module or package: messages would mean either", longer


def _taken(name: str) -> Iterator[tuple[str, str]]:
    """Names that this installation has."""
    other = "choose another name"
    dist, module = f"{_PREFIX}{name}", f"nextgpt_{name.replace('-', '_')}"
    if locate(module) is not None:
        yield f"is taken: there is a module {module}", other
    if found := _version(dist):
        yield (
            f"is taken: the distribution {dist} {found} is installed, and would be replaced",
            other,
        )
    if name in {entry.name for entry in installed(ENTRY_POINTS)}:
        yield "is the name of an installed plugin", other
    modalities = Catalog.discover().modalities
    if name in modalities:
        yield "is a modality that an installed plugin declares", other
    for modality in modalities.values():
        if f".{name}" in modality.suffixes:
            yield f"has files that end in '.{name}', as those of {modality.name!r} do", other


def _is_installed_module(name: str) -> bool:
    """A module with code of its own: a folder that happens to lie here is none."""
    spec = locate(name.replace("-", "_"))
    return spec is not None and spec.origin is not None


def _version(dist: str) -> str | None:
    try:
        return version(dist)
    except (PackageNotFoundError, ValueError):  # the latter: an empty name
        return None
