"""How a source is spelled. Does not know whether it exists."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nextgpt_registry.errors import SourceError
from nextgpt_registry.fetch.schemes import scheme

LOCAL = ("file", "models", "package")
"""Kinds of sources that are never fetched."""

_FORMS = {  # of those that are in no archive: what an error shows, the part before the path
    "hf": (
        "hf:REPO@REVISION[/path], the revision being a commit, a tag or a branch",
        r"(?P<name>\w[\w.-]*(?:/\w[\w.-]*)?)@(?P<version>\w[\w.-]*)",
    ),
    "package": ("package:DISTRIBUTION/path", r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?P<version>)"),
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
            SourceError: it spells none, or one that no plugin at hand knows; the error shows the
                form that was wanted.
        """
        kind, colon, rest = text.partition(":")
        if kind == "file" and colon:
            if not rest or "\0" in rest:
                raise SourceError(repr(text), "names no path", "wanted file:PATH")
            return cls("file", "", "", rest)
        if kind == "models" and colon:
            if not _plain(rest):
                raise SourceError(
                    repr(text),
                    "is no plain path",
                    "wanted models:FOLDER/FILE, joined by single '/'",
                )
            return cls("models", "", "", rest)
        if not colon:
            fix = "begin it with one of pypi:, hf:, package:, file:, models:"
            raise SourceError(repr(text), "is no source", fix)
        form, pattern = _FORMS.get(kind) or _of_scheme(kind, text)
        match = re.fullmatch(pattern + r"(?:/(?P<path>.*))?", rest, re.ASCII | re.DOTALL)
        if match is None or (kind == "package" and not match["path"]):
            raise SourceError(repr(text), "cannot be read", f"wanted {form}")
        path = match["path"] or ""
        if path and not _plain(path):
            raise SourceError(
                repr(text), f"member {path!r} is no plain path", "wanted names joined by single '/'"
            )
        return cls(kind, match["name"], match["version"] or "", path)

    def __str__(self) -> str:
        """The string `parse` reads back."""
        if self.kind in ("file", "models"):
            return f"{self.kind}:{self.path}"
        return f"{self.kind}:{self.requirement}" + (f"/{self.path}" if self.path else "")

    @property
    def requirement(self) -> str:
        """Name and version as the kind's own client spells them."""
        if not self.version:
            return self.name
        joint = "@" if self.kind == "hf" else scheme(self.kind, self.name).joint
        return f"{self.name}{joint}{self.version}"

    @property
    def is_tree(self) -> bool:
        """Whether a folder is meant; of a local one only a look can tell, so False."""
        return not self.is_local and (not self.path or self.path.endswith("/"))

    @property
    def is_local(self) -> bool:
        """Whether it is never fetched."""
        return self.kind in LOCAL


def _of_scheme(kind: str, text: str) -> tuple[str, str]:
    found = scheme(kind, text)
    return found.form, found.pattern


def _plain(path: str) -> bool:
    """Whether a member path is names joined by single slashes, none of them '.' or '..'."""
    names = path.removesuffix("/").split("/")
    return not any(n in ("", ".", "..") for n in names) and not re.search(r"[\\\0-\x1f]", path)
