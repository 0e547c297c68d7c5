"""The model file of the package `imagebind`, without the rest of it. Knows no sizes.

The package's `__init__` imports torchvision, torchaudio and pytorchvideo for its own reading of
files, which is not used here; beside a torch without CUDA they may not even import. Its model files
need torch, einops and regex. What else they import is supplied for the moment of the import: two
small things of timm (which would import torchvision), and the names of two packages of which only
the tokenizer, unused too, makes something.

The modules are taken out of `sys.modules` again, so that whoever imports `imagebind` or `timm`
later gets the real ones. Only another thread's import of those at the same moment could meet ours.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from types import ModuleType

import torch
from torch import Tensor, nn

from nextgpt_registry.errors import PluginError
from nextgpt_registry.targets import locate

_LENT = frozenset({"imagebind", "timm", "iopath", "ftfy"})
_LOCK = threading.Lock()


@cache
def model_class() -> type[nn.Module]:
    """`ImageBindModel`, as the package defines it.

    Raises:
        PluginError: the package is not there, or is another one of this name.
    """
    with _LOCK, _lent(_folders()):
        module = import_module("imagebind.models.imagebind_model")
    found: type[nn.Module] = module.ImageBindModel
    return found


class DropPath(nn.Module):
    """Stochastic depth: in training a share of the rows is zeroed and the rest made up for.

    Huang et al., 2016, "Deep Networks with Stochastic Depth".
    """

    def __init__(self, drop_prob: float = 0.0) -> None:
        super().__init__()
        self.drop_prob = drop_prob

    def forward(self, x: Tensor) -> Tensor:
        """(B, ...) -> (B, ...); in eval mode what it is given."""
        if not self.training or not self.drop_prob:
            return x
        kept = 1 - self.drop_prob
        rows = torch.rand(len(x), *[1] * (x.dim() - 1), device=x.device, dtype=x.dtype) < kept
        return x * rows / kept


def _folders() -> list[str]:
    spec = locate("imagebind")
    if spec is None or locate("imagebind.models.imagebind_model") is None:
        raise PluginError(
            "imagebind",
            "the package `imagebind` has no model file"
            if spec
            else "the package `imagebind` is not installed",
            "pip install --no-deps imagebind-unofficial (mind its licence, CC-BY-NC-SA-4.0; the "
            "distribution called `imagebind` is another)",
        )
    return list(spec.submodule_search_locations or ())


@contextmanager
def _lent(folders: list[str]) -> Iterator[None]:
    """`sys.modules` with packages that ran no `__init__`, and as it was afterwards."""
    before = {name: module for name, module in sys.modules.items() if _is_lent(name)}
    for name in before:
        del sys.modules[name]
    sys.modules.update({module.__name__: module for module in _stand_ins(folders)})
    try:
        yield
    finally:
        for name in [name for name in sys.modules if _is_lent(name)]:
            del sys.modules[name]
        sys.modules.update(before)


def _is_lent(name: str) -> bool:
    return name.partition(".")[0] in _LENT


def _stand_ins(folders: list[str]) -> Iterator[ModuleType]:
    yield _module("imagebind", folders)
    yield _module("timm")
    yield _module("timm.layers", DropPath=DropPath, trunc_normal_=nn.init.trunc_normal_)
    yield _module("iopath")
    yield _module("iopath.common")
    yield _module("iopath.common.file_io", g_pathmgr=None)
    yield _module("ftfy")


def _module(name: str, folders: list[str] | None = None, **names: object) -> ModuleType:
    module = ModuleType(name)
    module.__path__ = folders or []
    vars(module).update(names)
    return module
