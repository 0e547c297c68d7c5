"""One part of a pipeline in a precision of its own. Knows no pipeline."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def cast_what_comes(part: nn.Module) -> None:
    """Let a part take tensors of any precision, although pipelines give it the others'."""
    for child in part.children():
        child.register_forward_pre_hook(_cast)


def placed(part: nn.Module, own: torch.dtype, *args: Any, **kwargs: Any) -> None:
    """Move a part as `Module.to` would, but to its own precision and no other on the way."""
    where = [one for one in args if not isinstance(one, torch.dtype)]
    part.to(*where, **{**kwargs, "dtype": own})


def _cast(part: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
    dtype = next(part.parameters()).dtype
    return tuple(
        one.to(dtype) if isinstance(one, Tensor) and one.is_floating_point() else one
        for one in given
    )
