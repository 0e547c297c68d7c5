"""Commands on a tiny system whose plugin is installed for the test only. Knows no test."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from nextgpt_core.testing import SystemKit, glyph
from nextgpt_core.testing.toy import PLUGIN
from nextgpt_registry.cli import main
from nextgpt_registry.configfile import dump_config

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a config, a glyph, and a distribution that installs the toy plugin."""
    folder = tmp_path_factory.mktemp("commands")
    kit = SystemKit(folder)
    (folder / "kit.yaml").write_text(dump_config(kit.trained()))
    (folder / "bare.yaml").write_text(dump_config(kit.builder.config()))  # the same, untrained
    PLUGIN.nextgpt_write_media(glyph(1), folder / "one")
    dist = folder / "site" / "toy_plugin-1.0.dist-info"
    dist.mkdir(parents=True)
    (dist / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-plugin\nVersion: 1.0\n")
    (dist / "entry_points.txt").write_text(
        "[nextgpt.plugins]\ntoy = nextgpt_core.testing.toy:PLUGIN\n"
    )
    return folder


@pytest.fixture
def nextgpt(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Run:
    """`nextgpt("run", …)` in this process: exit code, stdout, stderr."""
    monkeypatch.syspath_prepend(str(folder / "site"))
    monkeypatch.chdir(folder)

    def run(*arguments: str | Path, lines: Sequence[str] = ()) -> tuple[int, str, str]:
        capfd.readouterr()
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        with pytest.raises(SystemExit) as ended:
            main([str(a) for a in arguments])
        out, err = capfd.readouterr()
        return int(ended.value.code or 0), out, err

    return run
