"""What `nextgpt plugins check` does: runs the conformance kit and prints how it went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextgpt_registry.catalog import Catalog
from nextgpt_registry.cli.tables import print_lines
from nextgpt_registry.errors import PluginError
from nextgpt_registry.targets import missing

if TYPE_CHECKING:
    from nextgpt_registry.testing.running import Report

_MARKS = {"passed": "ok  ", "failed": "FAIL", "skipped": "-   "}


def check(name: str) -> Report:
    """The kit's report on an installed plugin.

    Raises:
        PluginError: there is no such plugin, or pytest is not installed.
    """
    catalog = Catalog.discover()
    if name not in catalog.failures:
        catalog.plugin(name)
    if missing(["pytest"]):
        raise PluginError(
            "plugins check", "needs pytest", "pip install 'nextgpt-registry[testing]'"
        )
    from nextgpt_registry.testing.running import run_kit  # it imports pytest

    return run_kit(name)


def show(report: Report) -> None:
    """Print a report for people."""
    for test in report.tests:
        print_lines(f"{_MARKS[test.outcome]}  {test.seconds:6.2f} s  {test.name}")
        if test.message:
            print_lines(*(f"{'':16}{line}" for line in test.message.splitlines()))
    print_lines("", *(f"deprecated: {form}" for form in report.deprecated))
    counts = ", ".join(f"{report.count(outcome)} {outcome}" for outcome in _MARKS)
    print_lines(f"{report.plugin}: {counts}")
