"""Collect what is wrong with a config, so that all of it is told at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from nextgpt_registry.errors import NextGPTError, PlanError, Problem


class Findings:
    """Problems and notes, in the order in which they were found."""

    def __init__(self, said_by: Callable[[str], str] = lambda path: "") -> None:
        self._said_by = said_by  # the file that says what is at a path
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self.unaccepted: list[Problem] = []

    def add(self, path: str, what: str, fix: str = "") -> None:
        """Something that keeps the system from being assembled."""
        problem = Problem(path, what, fix, self._said_by(path))
        if problem not in self.problems:
            self.problems.append(problem)

    def extend(self, problems: Iterable[Problem]) -> None:
        """Several of them."""
        self.problems += [replace(one, said_by=self._said_by(one.path)) for one in problems]

    def refuse(self, path: str, what: str, fix: str = "") -> None:
        """Something that may be planned, but not assembled before its user agrees."""
        problem = Problem(path, what, fix, self._said_by(path))
        if problem not in self.unaccepted:
            self.unaccepted.append(problem)

    def note(self, text: str) -> None:
        """Something worth knowing that keeps nothing from working."""
        if text not in self.notes:
            self.notes.append(text)

    @contextmanager
    def at(self, path: str) -> Iterator[None]:
        """An error that the block raises becomes a problem at `path`, and the block ends."""
        try:
            yield
        except NextGPTError as error:
            self.add(path, f"{error.who}: {error.what}", error.fix)

    def raise_any(self, system: str) -> None:
        """Raise all problems as one `PlanError`, if there are any; what is refused among them."""
        if self.problems:
            raise PlanError(system, [*self.problems, *self.unaccepted])
