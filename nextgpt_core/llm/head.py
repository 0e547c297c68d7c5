"""From final states to logits, with what some families do to them, and whether they are numbers.

The families differ in what follows the matrix: Gemma squashes logits (softcap), Cohere multiplies
them, Granite divides them, MiniCPM divides the state before. All of it is elementwise, so it can
be applied to further rows alike. Knows no signals.

An answer made of what is no number would look like one: NaN is the likeliest of all to `argmax`,
and a softcap turns infinity into a number. So what is sampled from or handed on is looked at.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from transformers import Cache, PreTrainedModel

from nextgpt_registry.errors import ShapeError

FIX = (
    "a type with more room: llm.dtype=bfloat16 or float32; if it stays so, the weights are damaged"
)

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


def all_finite(x: Tensor) -> bool:
    """Whether a tensor holds numbers alone, neither NaN nor infinity."""
    x = x.detach()
    # A sum keeps what is not finite, and costs a hundredth; that it overflows itself is rare.
    wide = torch.float64 if x.dtype is torch.float64 else torch.float32
    return math.isfinite(x.sum(dtype=wide)) or bool(x.isfinite().all())


def not_finite(cache: Cache | None, position: int) -> ShapeError:
    """The error for a pass that ended at `position` of a request and filled `cache`."""
    return ShapeError(
        "language model",
        f"gives NaN or infinite numbers at position {position} of the conversation"
        f"{'' if cache is None else _where(cache)}",
        FIX,
    )


def _where(cache: Cache) -> str:
    """What the keys kept of each layer show of where it began; '' where they show nothing."""
    keys = [getattr(layer, "keys", None) for layer in getattr(cache, "layers", ())]
    held = [at for at, key in enumerate(keys) if isinstance(key, Tensor) and key.numel()]
    lost = [at for at in held if not all_finite(_used(cache.layers[at]))]
    if not held:
        return ""
    if not lost:
        return f", after the attention of its last layer, {held[-1] + 1}"
    before = "in its embedding or" if lost[0] == 0 else f"after layer {lost[0]} or"
    return f"; they begin {before} in the attention of layer {lost[0] + 1}"


def _used(layer: object) -> Tensor:
    """The keys (B, H, T, D) of the positions in use: the room behind them holds anything."""
    keys: Tensor = layer.keys  # type: ignore[attr-defined]
    length = layer.get_seq_length()  # type: ignore[attr-defined]
    return keys[:, :, : int(length)]
