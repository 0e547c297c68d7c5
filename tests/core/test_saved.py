"""A save that is killed, wherever it is, leaves the old system or the new, and nothing for good."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from nextgpt_core.model import PARTS
from nextgpt_core.testing import SystemKit
from nextgpt_registry.configfile import load_config
from nextgpt_registry.errors import ConfigError

_KILLS = """
import shutil, sys
from pathlib import Path
import torch
from killing import points
from nextgpt_core.assembly.assemble import assemble
from nextgpt_core.assembly.checkpoint import save_system
from nextgpt_core.model import PARTS
from nextgpt_core.testing import SystemKit, ToyPlugin
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.configfile import load_config
from nextgpt_registry.plan import resolve

torch.set_num_threads(1)
CATALOG = Catalog.of({"toy": ToyPlugin()})
home = Path(sys.argv[1])
work = home / "work"

def build(source, *overrides):
    loaded = load_config(source, overrides)
    return assemble(resolve(loaded, CATALOG), CATALOG)

def state(system):
    parts = system.model.trained_state()
    return {(p, n): t.clone() for p, part in parts.items() for n, t in part.items()}

def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)

kit = SystemKit(home / "kit")
first = build(kit.builder.config(), "llm.lora={r: 2, targets: [q_proj, v_proj]}")
second = build(kit.builder.config())
for tensors in second.model.state_by_part().values():
    for tensor in tensors.values():
        tensor.data.add_(1)
for system in (first, second):
    system.model.mark_trained(PARTS)
old, new = state(first), state(second)

def named():
    config = load_config(work).config
    parts = {w.source.removeprefix("file:") for w in config.weights.values()}
    return parts | {"nextgpt.yaml", config.lock}

known = {}  # loading takes a while: once for each state of the files

def loaded():
    if not (work / "nextgpt.yaml").exists():
        return "nothing"
    key = tuple((name, (work / name).read_bytes()) for name in sorted(named()))
    if key not in known:
        found = state(build(str(work)))
        known[key] = "old" if same(found, old) else "new" if same(found, new) else "neither"
    return known[key]

def prepare():
    shutil.rmtree(work, ignore_errors=True)
    if before == "over":
        save_system(first, work)

before, found = sys.argv[2], []
for point in points(prepare, lambda: save_system(second, work)):
    found.append(loaded())
    save_system(first, work)
    assert {p.name for p in work.iterdir()} == named(), (point, sorted(work.iterdir()))
    assert loaded() == "old"
    assert {p.name for p in home.iterdir()} == {"kit", "work"}
print(" ".join(found))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "first"),
    [("over", "old"), pytest.param("fresh", "nothing", marks=pytest.mark.exhaustive)],
)
def test_save_killed_at_every_point_leaves_old_or_new(
    run_script: Callable[..., str], tmp_path: Path, before: str, first: str
) -> None:
    found = run_script(_KILLS, tmp_path, before).split()

    assert set(found) == {first, "new"}
    assert found == sorted(found, key=lambda one: one == "new"), "new once, new for good"
    assert len(found) > 10


def test_files_of_others_in_the_folder_stay(kit: SystemKit, tmp_path: Path) -> None:
    with kit.pipeline() as pipeline:
        pipeline.system.model.mark_trained(PARTS)
        folder = pipeline.save(tmp_path / "saved")
        (folder / "README.md").write_text("mine")
        (folder / "lora.safetensors").write_bytes(b"of another tool")
        pipeline.save(folder, compact=True)

    assert (folder / "README.md").read_text() == "mine"
    assert (folder / "lora.safetensors").read_bytes() == b"of another tool"


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
@pytest.mark.parametrize("compact", [False, True])
def test_whoever_may_read_the_folder_may_read_the_system(
    kit: SystemKit, tmp_path: Path, compact: bool
) -> None:
    with kit.pipeline() as pipeline:
        pipeline.system.model.mark_trained(PARTS)
        before = os.umask(0o027)
        try:
            folder = pipeline.save(tmp_path / "saved", compact=compact)
        finally:
            os.umask(before)

    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir() if path.is_file()}
    assert set(modes.values()) == {0o640}, modes


def test_name_that_is_taken_gets_a_hash(kit: SystemKit, tmp_path: Path) -> None:
    with kit.pipeline() as pipeline:
        pipeline.system.model.mark_trained(PARTS)
        folder = pipeline.save(tmp_path / "saved")
        whole = (folder / "project.glyph.safetensors").stat().st_size
        pipeline.save(folder, compact=True)

    config = load_config(folder).config
    name = str(config.weights["project.glyph"].source).removeprefix("file:")
    assert name.startswith("project.glyph.")
    assert name != "project.glyph.safetensors"
    assert (folder / name).stat().st_size < whole
    assert not (folder / "project.glyph.safetensors").exists()


def test_two_saves_at_once_leave_one_whole_system(kit: SystemKit, tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    with kit.pipeline() as pipeline:
        pipeline.system.model.mark_trained(PARTS)
        threads = [
            threading.Thread(target=pipeline.save, args=(folder,), kwargs={"compact": bool(n % 2)})
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    config = load_config(folder).config
    named = {str(weight.source).removeprefix("file:") for weight in config.weights.values()}
    assert {path.name for path in folder.iterdir()} == named | {"nextgpt.yaml", config.lock}


def test_save_that_fails_leaves_the_old_system(
    kit: SystemKit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with kit.pipeline() as pipeline:
        folder = pipeline.save(tmp_path / "saved")
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        monkeypatch.setattr(Path, "replace", _full)

        with pytest.raises(ConfigError, match="no space"):
            pipeline.save(folder, compact=True)
        with pytest.raises(ConfigError, match="no space"):
            pipeline.save(tmp_path / "other")

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert not (tmp_path / "other").exists()


def test_file_is_no_folder_to_save_to(kit: SystemKit, tmp_path: Path) -> None:
    (tmp_path / "thesis").write_text("all my work")

    with kit.pipeline() as pipeline, pytest.raises(ConfigError, match="something other"):
        pipeline.save(tmp_path / "thesis")


def test_names_swept_are_never_outside(kit: SystemKit, tmp_path: Path) -> None:
    secret = tmp_path / "secret.safetensors"
    secret.write_bytes(b"x")
    with kit.pipeline() as pipeline:
        pipeline.system.model.mark_trained(PARTS)
        folder = pipeline.save(tmp_path / "saved")
        (folder / ".saving").mkdir()
        (folder / ".saving" / "names").write_text(json.dumps(["../secret.safetensors"]))
        pipeline.save(folder)

    assert secret.exists()


def _full(*_: object) -> None:
    raise OSError("no space left")
