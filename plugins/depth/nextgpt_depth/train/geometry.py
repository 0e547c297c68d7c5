"""How far distances are off: the usual two figures of depth estimation. Knows no scene.

AbsRel is the mean of |made - true| / true, delta1 the share of pixels where the larger of
made / true and true / made is below 1.25 (Eigen et al., 2014). Metric: nothing is rescaled first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nextgpt_registry.media import Media


@dataclass(frozen=True)
class Errors:
    """Of one map, or averaged."""

    absrel: float
    delta1: float


def errors(made: Media, true: Media) -> Errors:
    """Over all pixels that both have measured; `true` is taken at the pixels of `made`.

    Raises:
        ValueError: there is no such pixel.
    """
    found = np.asarray(made.data, np.float64)
    rows, columns = (
        (np.arange(n) + 0.5) * m // n for n, m in zip(found.shape, true.data.shape, strict=True)
    )
    wanted = np.asarray(true.data, np.float64)[np.ix_(rows.astype(int), columns.astype(int))]
    both = (found > 0) & (wanted > 0)
    if not both.any():
        raise ValueError("the maps have no pixel in common that is measured in both")
    found, wanted = found[both], wanted[both]
    ratio = np.maximum(found / wanted, wanted / found)
    return Errors(float((np.abs(found - wanted) / wanted).mean()), float((ratio < 1.25).mean()))


def mean(found: list[Errors]) -> Errors:
    """The average of several maps' errors."""
    return Errors(
        float(np.mean([one.absrel for one in found])), float(np.mean([one.delta1 for one in found]))
    )
