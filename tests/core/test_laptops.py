"""What macOS and Windows want, as far as Linux can tell: places, names, encodings, processes."""

from __future__ import annotations

import ast
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
import torch

import nextgpt_core
import nextgpt_registry
from nextgpt_core.assembly.assemble import place
from nextgpt_core.cli.render import Gallery
from nextgpt_core.intake.reading import Reader
from nextgpt_core.testing import SystemKit, glyph
from nextgpt_registry.cli import dispatch
from nextgpt_registry.errors import PlanError
from nextgpt_registry.fetch.syntax import Source
from nextgpt_registry.plan import make_plan

SOURCES = [Path(package.__file__).parent for package in (nextgpt_core, nextgpt_registry)]
SOURCES += Path(nextgpt_core.__file__).parents[1].glob("plugins/*/nextgpt_*")
ABSENT = {"fcntl", "grp", "pty", "pwd", "resource", "select", "termios", "tty"}
"""Modules of the standard library that Windows has not, or not for what Linux uses them for."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    for folder in SOURCES:
        for path in folder.rglob("*.py"):
            if "scaffold" not in path.parts:
                yield str(path), ast.parse(path.read_text("utf-8"))


@pytest.mark.parametrize(
    ("cuda", "mps", "found"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_is_cuda_before_mps_before_the_cpu(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, found: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    assert place("auto") == found
    assert place("cpu") == "cpu"


def test_what_mps_has_not_is_told_before_anything_loads(tmp_path: Path) -> None:
    builder = SystemKit(tmp_path).builder
    wrong = ["llm.device=mps", "llm.dtype=float64"]

    with pytest.raises(PlanError, match=r"llm\.dtype: MPS has no float64"):
        make_plan(builder.config(), wrong, catalog=builder.catalog)


def test_no_module_needs_what_windows_lacks() -> None:
    found = []
    for path, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found += [(path, alias.name) for alias in node.names if alias.name in ABSENT]
            elif isinstance(node, ast.ImportFrom) and node.module in ABSENT:
                found.append((path, str(node.module)))
            elif isinstance(node, ast.Attribute) and node.attr in ("fork", "forkpty"):
                found.append((path, node.attr))
            elif isinstance(node, ast.Constant) and node.value == "/proc/cpuinfo":
                continue  # read where it is
            elif isinstance(node, ast.Constant) and str(node.value).startswith(("/dev/", "/proc/")):
                found.append((path, str(node.value)))

    assert found == []


def test_processes_are_spawned_everywhere() -> None:
    starts = []
    for _, tree in modules():
        for node in ast.walk(tree):
            name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if name.startswith(("multiprocessing.", "concurrent.futures.Process")):
                starts.append(ast.unparse(node))
            assert name not in ("ProcessPoolExecutor", "set_start_method")

    assert starts == ["multiprocessing.get_context('spawn')"]


def test_a_path_of_windows_is_a_source_written_with_slashes() -> None:
    path = PureWindowsPath("C:\\Users\\Zoë\\my system\\a.safetensors")

    source = Source.parse(f"file:{path.as_posix()}")

    assert PureWindowsPath(source.path) == path
    assert "\\" not in str(source)


def test_saved_files_have_names_that_windows_takes(tmp_path: Path) -> None:
    kit = SystemKit(tmp_path, channels={"aux": {"modality": "glyph", "decoder": "painter"}})
    with kit.builder.build(untrained=True) as pipeline:
        pipeline.system.model.mark_trained(["output", "signals"])
        folder = pipeline.save(tmp_path / "saved")

    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*")]

    assert [name for name in names if any(map(reserved, PurePosixPath(name).parts))] == []
    assert len({name.casefold() for name in names}) == len(names)


def reserved(part: str) -> bool:
    """Whether Windows has a device of this name, or refuses a character or the end of it."""
    stem = part.partition(".")[0].upper()
    devices = {"CON", "PRN", "AUX", "NUL", *(f"{d}{n}" for d in ("COM", "LPT") for n in range(10))}
    return stem in devices or part[-1] in " ." or bool(set(part) & set('<>:"\\|?*'))


def test_media_are_numbered_as_on_a_system_that_folds_case(tmp_path: Path) -> None:
    builder = SystemKit(tmp_path).builder
    plan = make_plan(builder.config(), catalog=builder.catalog)
    gallery = Gallery(Reader.of_plan(plan, builder.catalog), tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "Glyph-001.GLYPH").touch()

    assert gallery.add("glyph", glyph(1)).name == "glyph-002.glyph"


def test_a_pipe_of_windows_carries_utf_8(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.BytesIO()
    monkeypatch.setattr(dispatch, "_WINDOWS", True)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(pipe, encoding="cp1252"))

    dispatch._open_streams()
    sys.stdout.write("Zoë …")
    sys.stdout.flush()

    assert pipe.getvalue().decode("utf-8") == "Zoë …"


def test_no_file_of_ours_is_opened_in_the_encoding_of_the_system(tmp_path: Path) -> None:
    told = {"PYTHONWARNDEFAULTENCODING": "1", "PYTHONWARNINGS": "always::EncodingWarning"}
    code = "from nextgpt_registry.cli import main; main()"

    ended = subprocess.run(
        [sys.executable, "-c", code, "plan", "mini", "--add", "depth"],
        env={**os.environ, **told},
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=True,
    )

    warned = [line for line in ended.stderr.splitlines() if "EncodingWarning" in line]
    assert [line for line in warned if "site-packages" not in line and "/nextgpt" in line] == []
