"""Distances between sets of features, by torchmetrics."""

from __future__ import annotations

import pytest
import torch

from nextgpt_core.evaluation.distances import distances, frechet, kernel

pytest.importorskip("torchmetrics", reason="an extra")


def drawn(seed: int, *, mean: float = 0.0, scale: float = 1.0, count: int = 400) -> torch.Tensor:
    return torch.randn(count, 4, generator=torch.Generator().manual_seed(seed)) * scale + mean


def test_a_set_is_at_no_distance_from_itself() -> None:
    same = drawn(0)

    assert frechet(same, same) == pytest.approx(0, abs=1e-6)
    assert -0.1 < kernel(same, same) < 0  # equal members in both subsets pull it below 0
    assert abs(kernel(same, drawn(9))) < 0.1 < kernel(same, drawn(9, mean=1.0))


def test_the_frechet_distance_is_the_formula_s() -> None:
    """|m - n|^2 + tr(A + B - 2 (AB)^(1/2)): here 4 * 2^2 for the means, 4 * (3 - 1)^2 beside."""
    unit, far = drawn(1), drawn(1, mean=2.0)
    wide = (unit - unit.mean(0)) * 3 + unit.mean(0)
    deviations = unit.std(0)

    assert frechet(unit, far) == pytest.approx(16, rel=1e-3)
    # covariances are not quite diagonal, but proportional: tr A (3 - 1)^2
    assert frechet(unit, wide) == pytest.approx(float((deviations**2).sum()) * 4, rel=1e-3)


def test_different_sets_are_farther_than_alike_ones() -> None:
    real, other = drawn(2).numpy(), drawn(3).numpy()

    near = distances(drawn(4).numpy(), real, other)
    far = distances(drawn(4, mean=1.0).numpy(), real, other)

    assert near["n"] == 400
    assert far["frechet"] > 5 * far["frechet_real"]
    assert far["kernel"] > 5 * abs(far["kernel_real"])
    assert near["frechet"] < 3 * near["frechet_real"]


def test_the_same_features_give_the_same_distances() -> None:
    sets = [drawn(n, count=12).numpy() for n in range(3)]

    assert distances(*sets) == distances(*sets)
