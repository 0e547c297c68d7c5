"""Where a run computes and how precisely, through accelerate. Knows nothing about what is trained.

Of accelerate we take devices, autocast, the backward pass and clipping. Its `accumulate` divides a
loss by the number of passes, which is wrong where passes hold unequal numbers of tokens; its
`prepare` wraps a model's `forward`, which training here never calls.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Literal

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor, nn

from nextgpt_registry.errors import TrainingError
from nextgpt_registry.tensors import quick_in_bfloat16

Precision = Literal["auto", "bf16", "fp32"]


def chosen(precision: Precision, device: torch.device) -> Literal["bf16", "fp32"]:
    """What `auto` is on a device."""
    if precision != "auto":
        return precision
    return "bf16" if quick_in_bfloat16(device) else "fp32"


class Compute:
    """One process on one device.

    Raises:
        TrainingError: several processes were launched; each would train the same.
    """

    def __init__(self, device: torch.device, precision: Precision) -> None:
        # Its state is one for the process, and refuses another precision than the first run's.
        AcceleratorState._reset_state(reset_partial_state=True)
        self._accelerator = Accelerator(
            cpu=device.type == "cpu",
            mixed_precision="bf16" if chosen(precision, device) == "bf16" else "no",
        )
        if self._accelerator.num_processes > 1:
            raise TrainingError(
                "train",
                f"was launched as {self._accelerator.num_processes} processes",
                "start it as one, or several runs on a device each (llm.device=cuda:1)",
            )

    def autocast(self) -> AbstractContextManager[None]:
        """What runs in the run's precision."""
        context: AbstractContextManager[None] = self._accelerator.autocast()
        return context

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of a loss to those there are."""
        self._accelerator.backward(loss)

    def clip(self, parameters: Iterable[nn.Parameter], most: float) -> Tensor:
        """Scale the gradients to a norm of at most `most`; the norm they had, ()."""
        norm: Tensor = self._accelerator.clip_grad_norm_(parameters, most)
        return norm
