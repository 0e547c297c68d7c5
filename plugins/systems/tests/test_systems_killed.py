"""A conversion that is killed leaves nothing that looks like a checkpoint, and is done again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

_PICKLE = """
import sys
from pathlib import Path
import torch
from killing import points
from nextgpt_systems.cli import _pickle
from safetensors.torch import load_file

home = Path(sys.argv[1])
old, new = {"a": torch.zeros(3)}, {"a": torch.ones(3), "b": torch.eye(2)}
torch.save(old, home / "old.bin")
torch.save(new, home / "new.bin")
out = home / "out" / "x.safetensors"
found = []
for _ in points(lambda: _pickle(home / "old.bin", out), lambda: _pickle(home / "new.bin", out)):
    found.append({1: "old", 2: "new"}[len(load_file(out))])
    _pickle(home / "new.bin", out)
    assert [path.name for path in out.parent.iterdir()] == [out.name]
print(" ".join(found))
"""
_FOLDER = """
import shutil, sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from killing import points
from nextgpt_registry.plan import make_plan
from nextgpt_systems.checkpoints import convert
from safetensors.torch import load_file

spec = spec_from_file_location("checkpoints", sys.argv[2])
checkpoints = module_from_spec(spec)
spec.loader.exec_module(checkpoints)
home, plan = Path(sys.argv[1]), make_plan(sys.argv[3])
source = checkpoints.write_checkpoint(home / "folder", plan, checkpoints.published(plan))
out = home / "out" / "parts"

def work():
    return convert("nextgpt-7b-tiva-v0", source, out, plan)

whole = {path.name for path in work().values()}
found = []
for _ in points(lambda: shutil.rmtree(out.parent), work):
    if out.exists():
        assert {path.name for path in out.iterdir()} == whole
        assert all(load_file(path) for path in out.iterdir())
        found.append("new")
    else:
        work()
        found.append("nothing")
    beside = [path for path in out.parent.rglob("*") if path.is_file() and path.parent != out]
    assert {path.name for path in beside} <= {".held"}  # of one killed as the last thing it did
print(" ".join(found))
"""


@pytest.mark.slow
def test_pickle_killed_at_every_point_leaves_the_old_file_or_the_new(
    run_script: Callable[..., str], tmp_path: Path
) -> None:
    found = run_script(_PICKLE, tmp_path).split()

    assert set(found) == {"old", "new"}


@pytest.mark.slow
@pytest.mark.exhaustive
def test_checkpoint_killed_at_every_point_leaves_nothing_or_all_parts(
    run_script: Callable[..., str], tmp_path: Path, twin: Path
) -> None:
    helpers = Path(__file__).with_name("conftest.py")

    found = run_script(_FOLDER, tmp_path, helpers, twin).split()

    assert set(found) == {"nothing", "new"}
