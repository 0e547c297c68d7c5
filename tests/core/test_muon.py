"""Muon, and the precision that a device is quick in."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nextgpt_core.training import muon
from nextgpt_core.training.compute import chosen
from nextgpt_core.training.muon import Muon, orthogonal
from nextgpt_registry.tensors import quick_in_bfloat16

SHAPES = ((8, 24), (24, 8), (16, 16))


def test_updates_are_those_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = getattr(torch.optim, "Muon", None)
    if theirs is None:
        pytest.skip(f"torch {torch.__version__} has no Muon")
    monkeypatch.setattr(muon, "quick_in_bfloat16", lambda device: True)
    given = {"lr": 0.01, "weight_decay": 0.1}
    both: list[list[nn.Parameter]] = []
    for make in (Muon, lambda groups, **kw: theirs(groups, adjust_lr_fn="match_rms_adamw", **kw)):
        noise = torch.Generator().manual_seed(0)
        matrices = [nn.Parameter(torch.randn(shape, generator=noise)) for shape in SHAPES]
        optimizer = make([{"params": matrices}], **given)
        for _ in range(3):
            for matrix in matrices:
                matrix.grad = torch.randn(matrix.shape, generator=noise)
            optimizer.step()
        both.append(matrices)

    for mine, wanted in zip(*both, strict=True):
        torch.testing.assert_close(mine, wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", SHAPES)
def test_singular_values_come_near_to_one(shape: tuple[int, int], dtype: torch.dtype) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    before = matrix.clone()

    values = torch.linalg.svdvals(orthogonal(matrix, dtype).float())

    assert values.min() > 0.5
    assert values.max() < 1.3
    assert torch.equal(matrix, before)


@pytest.mark.parametrize(
    ("kind", "told", "quick"),
    [
        ("cpu", {"avx2": True, "avx512_bf16": False}, False),
        ("cpu", {"avx512_f": True, "avx512_bf16": True}, True),
        ("cpu", {"amx_bf16": True}, True),
        ("mps", {"bf16": True}, False),
    ],
)
def test_bfloat16_is_for_devices_that_have_it(
    kind: str, told: dict[str, bool], quick: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: told, raising=False)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)

    assert quick_in_bfloat16(kind) is quick
    assert chosen("auto", torch.device(kind)) == ("bf16" if quick else "fp32")
    assert chosen("bf16", torch.device(kind)) == "bf16"


def test_a_torch_that_cannot_tell_counts_as_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)

    assert not quick_in_bfloat16("cpu")
