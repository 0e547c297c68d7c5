"""How a source is spelled. Does not know whether it exists."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nextgpt_registry.errors import SourceError

_NAME = r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)"
_NPM_PART = r"[A-Za-z0-9][\w.~-]*"
_FORMS = {  # kind: (the form an error shows, the part before the member)
    "pypi": ("pypi:NAME==VERSION/member", _NAME + r"==(?P<version>\w[\w.!+-]*)"),
    "npm": (
        "npm:NAME@VERSION/member, the version being exact",
        rf"(?P<name>(?:@{_NPM_PART}/)?{_NPM_PART})@(?P<version>\d+\.\d+\.\d[\w.+-]*)",
    ),
    "deb": (
        "deb:NAME[=VERSION]/member",
        r"(?P<name>[a-z0-9][a-z0-9+.-]+)(?:=(?P<version>\w[\w.+:~-]*))?",
    ),
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
        if kind == "models" and colon:
            if not _plain(rest):
                raise SourceError(
                    repr(text),
                    "is no plain path",
                    "wanted models:FOLDER/FILE, joined by single '/'",
                )
            return cls("models", "", "", rest)
        if kind not in _FORMS or not colon:
            kinds = ", ".join(f"{known}:" for known in (*_FORMS, "file", "models"))
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
        if self.is_local:
            return f"{self.kind}:{self.path}"
        return f"{self.kind}:{self.requirement}" + (f"/{self.path}" if self.path else "")

    @property
    def requirement(self) -> str:
        """Name and version as the kind's own client spells them."""
        joint = {"pypi": "==", "npm": "@", "deb": "=", "hf": "@"}[self.kind]
        return f"{self.name}{joint}{self.version}" if self.version else self.name

    @property
    def is_tree(self) -> bool:
        """Whether a folder is meant; of a local one only a look can tell, so False."""
        return not self.is_local and (not self.path or self.path.endswith("/"))

    @property
    def is_local(self) -> bool:
        """Whether it is never fetched: `file:` and `models:`."""
        return self.kind in ("file", "models")


def _plain(path: str) -> bool:
    """Whether a member path is names joined by single slashes, none of them '.' or '..'."""
    names = path.removesuffix("/").split("/")
    return not any(n in ("", ".", "..") for n in names) and not re.search(r"[\\\0-\x1f]", path)
