"""From final states to logits, with what some families do to them. Knows no signals.

The families differ in what follows the matrix: Gemma squashes logits (softcap), Cohere multiplies
them, Granite divides them, MiniCPM divides the state before. All of it is elementwise, so it can
be applied to further rows alike.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

_MULTIPLIED = {"hyperclovax"}


class Head:
    """The output matrix of a causal LM and its family's logit scaling."""

    def __init__(self, model: PreTrainedModel) -> None:
        config = model.config.get_text_config(decoder=True)
        self.linear: nn.Linear = model.get_output_embeddings()
        self.factor = _factor(config)
        self.softcap: float | None = getattr(config, "final_logit_softcapping", None)

    def __call__(self, final: Tensor, rows_SD: Tensor | None = None) -> Tensor:
        """States (..., D) -> logits (..., V), or (..., V + S) with further rows (S, D)."""
        logits: Tensor = self.linear(final)
        if rows_SD is not None:
            logits = torch.cat((logits, final @ rows_SD.to(final.dtype).T), dim=-1)
        return self._scaled(logits)

    def further(self, final: Tensor, rows_SD: Tensor) -> Tensor:
        """States (..., D) -> the logits (..., S) of further rows alone."""
        return self._scaled(final @ rows_SD.to(final.dtype).T)

    def _scaled(self, logits: Tensor) -> Tensor:
        if self.factor != 1.0:
            logits = logits * self.factor
        if self.softcap is not None:
            capped = torch.tanh(logits / self.softcap) * self.softcap
            return capped.where(logits.isfinite(), torch.nan)  # which a cap would hide
        return logits


def _factor(config: object) -> float:
    kind = getattr(config, "model_type", "")
    factor = float(getattr(config, "logit_scale", None) or 1.0)
    factor *= float(getattr(config, "lm_head_multiplier", None) or 1.0)
    scaling = float(getattr(config, "logits_scaling", None) or 1.0)
    return factor * scaling if kind in _MULTIPLIED else factor / scaling
