"""What passes between the kit and a component: batches moved, chance watched, seeds made.

torch and numpy are imported in the functions that need them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nextgpt_registry.testing.verdict import expect

if TYPE_CHECKING:
    import torch
    from torch import Generator


def moved(batch: Any, device: str, dtype: torch.dtype | None = None) -> Any:
    """The tensors of a batch on a device, the floating ones in a precision, as the core does it."""
    import torch

    if isinstance(batch, torch.Tensor):
        return batch.to(device, dtype if batch.is_floating_point() else None)
    if isinstance(batch, Mapping):
        return {key: moved(value, device, dtype) for key, value in batch.items()}
    if isinstance(batch, tuple | list):
        return type(batch)(moved(value, device, dtype) for value in batch)
    return batch


def seeded(*seeds: int) -> Sequence[Generator]:
    """One generator for each item of a batch."""
    import torch

    return [torch.Generator("cpu").manual_seed(seed) for seed in seeds]


@contextmanager
def untouched_chance(who: str, *, seed: int) -> Iterator[None]:
    """Seed the global generators, and fail unless the block leaves them as they are."""
    import numpy as np
    import torch

    before = torch.get_rng_state(), np.random.get_state(), random.getstate()
    try:
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
        states = torch.get_rng_state(), repr(np.random.get_state()), random.getstate()
        yield
        used = [
            name
            for name, same in (
                ("torch", torch.equal(states[0], torch.get_rng_state())),
                ("numpy.random", states[1] == repr(np.random.get_state())),
                ("random", states[2] == random.getstate()),
            )
            if not same
        ]
        expect(
            not used,
            who,
            found=f"the global generator of {', '.join(used)} was used",
            wanted="chance from the generators that are handed over, and from nowhere else",
            cause="torch.randn without `generator=`, dropout left on, or a call of manual_seed",
        )
    finally:
        torch.set_rng_state(before[0])
        np.random.set_state(before[1])
        random.setstate(before[2])
