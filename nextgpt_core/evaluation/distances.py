"""How far media that were made lie from real ones, in a judge's features. Knows no media.

Legend: N media, D features. With features of sounds, the Fréchet distance is of the kind of FAD;
with those of pictures, of the kind of FID. Values of different judges cannot be compared; hence
the same distance is taken between real media and real media. Both are large where N is small.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nextgpt_registry.errors import SourceError

Array = np.ndarray[Any, np.dtype[Any]]

LEAST, MOST = 8, 512
"""Fewer media say nothing; more are not looked at."""
_SUBSETS = 50


def distances(made_ND: Array, real_ND: Array, other_ND: Array) -> dict[str, Any]:
    """Made media against real ones, and two disjoint sets of real ones against each other.

    Returns:
        `n`, and by `frechet` and `kernel` (squared maximum mean discrepancy, KID) the distance,
        with `_real` the one between the real sets.

    Raises:
        SourceError: torchmetrics is not installed.
    """
    made, real, other = map(_tensor, (made_ND, real_ND, other_ND))
    return {
        "n": len(made),
        "frechet": frechet(real, made),
        "frechet_real": frechet(real, other),
        "kernel": kernel(real, made),
        "kernel_real": kernel(real, other),
    }


def frechet(a_ND: Tensor, b_ND: Tensor) -> float:
    """The Fréchet distance of two sets (N, D), (M, D) taken for Gaussian."""
    with _quiet():
        from torchmetrics.image.fid import FrechetInceptionDistance  # an extra

        return _between(FrechetInceptionDistance(_Given(a_ND.shape[1])), a_ND, b_ND)


def kernel(a_ND: Tensor, b_ND: Tensor) -> float:
    """The squared maximum mean discrepancy of two sets: without bias, so it may be below 0."""
    size = max(2, min(len(a_ND), len(b_ND)) // 2)
    with _quiet():
        from torchmetrics.image.kid import KernelInceptionDistance  # an extra

        features = _Given(a_ND.shape[1])
        metric = KernelInceptionDistance(features, subsets=_SUBSETS, subset_size=size)
        return _between(metric, a_ND, b_ND)


def _between(metric: Any, a_ND: Tensor, b_ND: Tensor) -> float:
    metric.set_dtype(torch.float64)
    metric.update(a_ND.double(), real=True)
    metric.update(b_ND.double(), real=False)
    value = metric.compute()
    return round(float(value[0] if isinstance(value, tuple) else value), 6)


@contextmanager
def _quiet() -> Iterator[None]:
    """The same subsets every time, and no warning that features are kept in memory."""
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        try:
            yield
        except ModuleNotFoundError as error:
            raise SourceError(
                "distances to real media",
                f"need {error.name}, which is not installed",
                'pip install "nextgpt-core[eval]"',
            ) from error


def _tensor(x_ND: Array) -> Tensor:
    return torch.from_numpy(np.asarray(x_ND, np.float64))


class _Given(nn.Module):
    """Features that are features already."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.num_features = width

    def forward(self, x_ND: Tensor) -> Tensor:
        return x_ND
