"""The package's model file is imported alone, and what it borrows is given back."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest
import torch

from nextgpt_imagebind import package
from nextgpt_registry.errors import PluginError
from nextgpt_registry.targets import missing

needs_package = pytest.mark.skipif(
    bool(missing(("imagebind.models.imagebind_model", "einops"))),
    reason="the package imagebind is not installed",
)

_ALONE = """
import sys
from nextgpt_imagebind.package import model_class
assert model_class().__module__ == "imagebind.models.imagebind_model"
heavy = {"imagebind", "timm", "iopath", "ftfy", "torchvision", "torchaudio", "pytorchvideo"}
sys.exit(", ".join(heavy & {name.partition(".")[0] for name in sys.modules}) or 0)
"""


@needs_package
def test_nothing_but_the_model_file_is_imported() -> None:
    """`imagebind/__init__.py` would import torchvision, torchaudio and pytorchvideo."""
    asked = subprocess.run(
        [sys.executable, "-c", _ALONE], capture_output=True, text=True, check=False
    )

    assert asked.returncode == 0, asked.stderr


@needs_package
def test_modules_of_the_caller_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    real = ModuleType("timm")
    monkeypatch.setitem(sys.modules, "timm", real)
    package.model_class.cache_clear()

    package.model_class()

    assert sys.modules["timm"] is real
    assert "timm.layers" not in sys.modules
    assert "imagebind" not in sys.modules


def test_missing_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "locate", lambda name: None)
    package.model_class.cache_clear()

    with pytest.raises(PluginError, match="pip install --no-deps imagebind-unofficial"):
        package.model_class()


def test_another_package_of_this_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def empty(name: str) -> object:
        return ModuleType("imagebind") if name == "imagebind" else None

    monkeypatch.setattr(package, "locate", empty)
    package.model_class.cache_clear()

    with pytest.raises(PluginError, match="has no model file"):
        package.model_class()


def test_drop_path_keeps_the_mean_in_training_and_everything_after() -> None:
    drop, rows = package.DropPath(0.25), torch.ones(4000, 3, 2)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        dropped = drop.train()(rows)

    assert torch.equal(drop.eval()(rows), rows)
    assert dropped.unique().tolist() == pytest.approx([0.0, 1 / 0.75])
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.03)
    assert torch.equal(dropped.amax((1, 2)), dropped.amin((1, 2)))  # whole rows
