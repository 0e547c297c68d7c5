"""Every error this project raises on purpose. Knows nothing about where they are raised.

    NextGPTError
    ├── PluginError        a plugin cannot be loaded, or declares something wrong
    ├── ConfigError        a config cannot be read
    ├── PlanError          a config cannot be assembled; carries every Problem found
    ├── LockError          a checkpoint and this installation disagree
    ├── SourceError        a weight or data file cannot be had, or is not what was pinned
    ├── MediaError         a picture, sound, ... cannot be read or written
    ├── ShapeError         a component returned something other than it declared
    ├── RequestError       a request cannot be answered as asked
    ├── EncodeError        an encoder failed while reading a medium
    ├── DecodeError        a decoder failed while making a medium
    ├── TrainingError      a training run cannot start or go on
    └── Cancelled          the caller asked to stop; not a fault

Each says who is concerned, what was found and wanted, how to mend it, and ends with the command
that prints its page: `nextgpt explain PlanError`. The pages are `error_pages/*.md`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class NextGPTError(Exception):
    """An error with a name (`who`), a finding (`what`) and a remedy (`fix`)."""

    def __init__(self, who: str, what: str, fix: str = "") -> None:
        super().__init__(who, what, fix)
        self.who = who
        self.what = what
        self.fix = fix

    @property
    def page(self) -> str:
        """What `nextgpt explain` calls it; a plugin's own error has the page of its base here."""
        return next(c.__name__ for c in type(self).__mro__ if c.__module__ == __name__)

    def __str__(self) -> str:
        """`who: what`, the fix and the page on lines of their own; what the command line prints."""
        fix = f"\n  fix: {self.fix}" if self.fix else ""
        told = f"{self.who}: {self.what}{fix}\n  see: nextgpt explain {self.page}"
        return told.encode("utf-8", "backslashreplace").decode()  # printable, whatever it quotes


class PluginError(NextGPTError):
    """A plugin cannot be loaded or declares something wrong."""


class ConfigError(NextGPTError):
    """A config cannot be read."""


@dataclass(frozen=True)
class Problem:
    """One thing that keeps a config from being assembled."""

    path: str
    what: str
    fix: str = ""
    said_by: str = ""  # the file, where a config extends another

    def __str__(self) -> str:
        """`path: what`, the fix on a line of its own."""
        path = f"{self.path} (in {self.said_by})" if self.said_by else self.path
        return f"{path}: {self.what}" + (f"\n      fix: {self.fix}" if self.fix else "")


class PlanError(NextGPTError):
    """A config cannot be assembled; `problems` lists everything found, not the first only."""

    def __init__(self, system: str, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        lines = "".join(f"\n  {n}. {p}" for n, p in enumerate(self.problems, 1))
        super().__init__(system, f"{count} problem{'s' * (count != 1)} found{lines}")


class LockError(NextGPTError):
    """A checkpoint's lock file and this installation disagree."""


class SourceError(NextGPTError):
    """A file cannot be fetched, or is not what was pinned."""


class MediaError(NextGPTError):
    """A medium cannot be read or written."""


class ShapeError(NextGPTError):
    """A component returned something other than it declared."""


class RequestError(NextGPTError):
    """A request cannot be answered as asked."""


class EncodeError(NextGPTError):
    """An encoder failed while reading a medium."""


class DecodeError(NextGPTError):
    """A decoder failed while making a medium; the rest of the answer goes on."""


class TrainingError(NextGPTError):
    """A training run cannot start or go on."""


class Cancelled(NextGPTError):
    """The caller asked to stop."""

    def __init__(self, who: str = "request") -> None:
        super().__init__(who, "cancelled by the caller")
