"""Step caches by name: diffusers' own, by which a denoiser leaves out what hardly changes from step
to step. What they leave out is guessed, so that media are others than without. Knows no pipeline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from diffusers.hooks import FirstBlockCacheConfig, SeaCacheConfig, TaylorSeerCacheConfig

from nextgpt_registry.errors import DecodeError
from nextgpt_registry.protocols import DecodeBatch

_CONFIGS: Mapping[str, Callable[[], Any]] = {
    "first-block": FirstBlockCacheConfig,
    "sea": SeaCacheConfig,
    # of the whole denoiser, not of each attention: a step is left out or computed
    "taylorseer": lambda: TaylorSeerCacheConfig(
        use_lite_mode=True, taylor_factors_dtype=torch.float32
    ),
}
_BY_WHAT_CHANGED = ("first-block", "sea")
"""Those that measure over a whole call whether a step may be left out."""


@contextmanager
def cached(denoiser: Any, name: str | None, *, known: tuple[str, ...], who: str) -> Iterator[None]:
    """With a step cache for one call, and nothing kept of it; None: without.

    `known` names those that the pipeline's call can use.

    Raises:
        DecodeError: this one cannot be used, or has no two blocks to work between.
    """
    if name is None:
        yield
        return
    if name not in known:
        raise DecodeError(
            who,
            f"cannot use the step cache {name!r}",
            f"use one of: {', '.join(known)}" if known else "take `step_cache` out: it has none",
        )
    if name != "taylorseer" and len(denoiser.blocks) < 2:
        raise DecodeError(who, f"has one block, and {name!r} wants two", "take `step_cache` out")
    denoiser.enable_cache(_CONFIGS[name]())
    try:
        yield
    finally:
        denoiser.disable_cache()


def apart(batch: DecodeBatch, name: str | None) -> Iterator[DecodeBatch]:
    """The batch, or one of each item where a cache would decide by all of them together."""
    count = len(batch)
    if name not in _BY_WHAT_CHANGED or count == 1:
        yield batch
        return
    for n in range(count):

        def on_step(done: int, total: int, before: int = n) -> None:
            batch.on_step(before * total + done, count * total)

        yield replace(
            batch,
            conditions={key: value[n : n + 1] for key, value in batch.conditions.items()},
            generators=batch.generators[n : n + 1],
            taken=batch.taken[n : n + 1],
            on_step=on_step,
        )
