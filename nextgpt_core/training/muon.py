"""Muon, an optimizer of matrices, in the precision that the device is quick in."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, overload

import torch
from torch import Tensor

from nextgpt_registry.tensors import quick_in_bfloat16

_STEPS = 5
_QUINTIC = (3.4445, -4.7750, 2.0315)
"""Five steps of it bring singular values of 0.002 and more to 0.7-1.2 (Jordan et al., 2024)."""


class Muon(torch.optim.Optimizer):
    """Each matrix is moved along an orthogonal one near its momentum, as far as by AdamW.

    The updates are those of `torch.optim.Muon` with `adjust_lr_fn="match_rms_adamw"`. That one
    iterates in bfloat16 wherever it runs; a processor without instructions for it takes fifty
    times as long as in float32, which is used there.
    """

    def __init__(
        self,
        params: Iterable[dict[str, Any]],
        *,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Move every parameter that has a gradient; there is no closure."""
        for group in self.param_groups:
            lr, momentum = group["lr"], group["momentum"]
            quick = quick_in_bfloat16(group["params"][0].device)
            dtype = torch.bfloat16 if quick else torch.float32
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                state = self.state[matrix]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(matrix.grad)
                moving = state["momentum_buffer"].lerp_(matrix.grad, 1 - momentum)
                update = orthogonal(matrix.grad.lerp(moving, momentum), dtype)
                matrix.mul_(1 - lr * group["weight_decay"])
                matrix.add_(update, alpha=-0.2 * lr * math.sqrt(max(matrix.shape)))
        return None


def orthogonal(matrix_MN: Tensor, dtype: torch.dtype) -> Tensor:
    """(M, N) -> (M, N) in `dtype`: singular values near 1 for those that are not tiny."""
    high = matrix_MN.size(0) > matrix_MN.size(1)
    x = matrix_MN.to(dtype, copy=True)
    x = x.T if high else x
    x.div_(x.norm().clamp(min=1e-7))
    a, b, c = _QUINTIC
    for _ in range(_STEPS):
        square = x @ x.T
        x = torch.addmm(x, torch.addmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.T if high else x
