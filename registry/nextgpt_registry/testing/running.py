"""Run the kit on an installed plugin: what its own tests would be, without them.

Knows no test: kits are the registry's own and those of the entry points `nextgpt.kits`.
"""

from __future__ import annotations

import contextlib
import io
import secrets
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

from nextgpt_registry import testing
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.entrypoints import installed
from nextgpt_registry.errors import PluginError

KITS = "nextgpt.kits"
"""Entry points of kits that others bring: `"module:Class"` of a `Kit`."""

_OWN = {
    "modalities": "ModalityTests",
    "encoders": "EncoderTests",
    "decoders": "DecoderTests",
    "projections": "ProjectionTests",
}


@dataclass(frozen=True)
class Result:
    """How one test ended; `outcome` is "passed", "failed" or "skipped"."""

    name: str
    outcome: str
    seconds: float
    message: str = ""  # why it failed or was skipped


@dataclass
class Report:
    """How a plugin did."""

    plugin: str
    tests: list[Result] = field(default_factory=list)
    deprecated: tuple[str, ...] = ()  # old forms that it uses: they work, until when is said

    def count(self, outcome: str) -> int:
        """How many tests ended so."""
        return sum(test.outcome == outcome for test in self.tests)

    def to_json(self) -> dict[str, Any]:
        """`{"plugin", "passed", "failed", "skipped", "tests": […], "deprecated": […]}`."""
        counts = {outcome: self.count(outcome) for outcome in ("passed", "failed", "skipped")}
        tests = [asdict(test) for test in self.tests]
        return {
            "plugin": self.plugin, **counts, "tests": tests, "deprecated": list(self.deprecated)
        }  # fmt: skip


def run_kit(name: str, *, only: str = "") -> Report:
    """Every kit that applies to the plugin called `name`; with `only`, tests of such names.

    Raises:
        PluginError: no plugin of this name is installed. One that is and does not load is a
            report with a failed test.
    """
    catalog = Catalog.discover()
    report = Report(name)
    if name not in catalog.failures:
        report.deprecated = tuple(map(str, catalog.plugin(name).deprecated))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"test_kit_{secrets.token_hex(4)}.py")
        path.write_text(_test_file(name, catalog), "utf-8")
        Path(folder, "pytest.ini").write_text("[pytest]\n", "utf-8")  # nobody else's settings
        arguments = [str(path), "-c", str(Path(folder, "pytest.ini")), "--rootdir", folder]
        arguments += ["--import-mode=importlib", "-p", "no:cacheprovider", "-W", "ignore"]
        # The kit says itself what was found and wanted; and nobody reads what is left unraised.
        arguments += ["--assert=plain", "-p", "no:unraisableexception"]
        arguments += ["-k", only] if only else []
        with _quiet():
            ended = pytest.main(arguments, plugins=[_Recorder(report), testing])
        sys.modules.pop(path.stem, None)
    if ended == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt  # pytest has met it, and said so to nobody
    if ended not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        report.tests.append(Result("pytest", "failed", 0.0, f"pytest ended with {ended!r}"))
    return report


def _test_file(name: str, catalog: Catalog) -> str:
    """The test module that the plugin's author would write."""
    kits = [("nextgpt_registry.testing", "PluginTests")]
    if name not in catalog.failures:
        manifest = catalog.plugin(name).manifest
        kits += [
            ("nextgpt_registry.testing", k) for kind, k in _OWN.items() if getattr(manifest, kind)
        ]
        for entry in installed(KITS):
            if entry.broken:
                raise PluginError(entry.name, entry.broken.what, entry.broken.fix)
            module, _, kit = entry.target.partition(":")
            kits.append((module, kit))
    imports = "".join(f"import {module}\n" for module in sorted({module for module, _ in kits}))
    classes = (
        f"class Test{kit.removesuffix('Tests')}({module}.{kit}):\n    plugin = {name!r}\n"
        for module, kit in kits
    )
    return imports + "".join(classes)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Nothing but our own report on standard output; no options and no plugins of others."""
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()):
        patch.delenv("PYTEST_ADDOPTS", raising=False)
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # a second, where hypothesis is there
        yield


class _Recorder:
    """The pytest plugin that fills a report."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A kit that cannot be imported is a failed test."""
        if report.failed:
            self._add("collection", report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """The call, or the set-up where it went no further."""
        if report.when == "call" or report.outcome != "passed":
            self._add(report.nodeid.partition("::Test")[2].replace("::", "."), report)

    def _add(self, name: str, report: pytest.TestReport | pytest.CollectReport) -> None:
        seconds = round(getattr(report, "duration", 0.0), 3)
        self._report.tests.append(Result(name, report.outcome, seconds, _message(report)))


def _message(report: pytest.TestReport | pytest.CollectReport) -> str:
    if report.outcome == "passed":
        return ""
    if isinstance(report.longrepr, tuple):  # (file, line, "Skipped: why")
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash else report.longrepr).removeprefix("Failed: ")
