"""An exponential moving average of weights, which often are better than the last. Knows no loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """Of a module's weights, from where they stand; of a decay of 0, the weights themselves."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self._module, self._decay = module, decay
        self.values: dict[str, Tensor] = {}
        if decay:
            self.values = {k: v.detach().clone() for k, v in module.state_dict().items()}

    @classmethod
    def none(cls) -> Average:
        """Of nothing."""
        return cls(nn.Module(), 0.0)

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move a little towards the weights: by more in the first steps."""
        if not self.values:
            return
        decay = min(self._decay, (1 + step) / (10 + step))
        mine, theirs = [], []
        for name, value in self._module.state_dict().items():
            if value.is_floating_point():
                mine.append(self.values[name])
                theirs.append(value)
            else:
                self.values[name] = value.clone()
        torch._foreach_lerp_(mine, theirs, 1 - decay)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """The module has the averages while the context lasts."""
        live = {k: v.clone() for k, v in self._module.state_dict().items()} if self.values else {}
        self.take_over()
        try:
            yield
        finally:
            if live:
                self._module.load_state_dict(live)

    def take_over(self) -> None:
        """Give the module the averages for good."""
        if self.values:
            self._module.load_state_dict(self.values)

    def load(self, values: Mapping[str, Tensor]) -> None:
        """Go on from those of a checkpoint."""
        self.values = dict(values)
