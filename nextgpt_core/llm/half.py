"""Half-precision weights with float32 arithmetic, for the CPU. Knows no particular model.

Writing one token reads every weight once, so on a CPU its speed is that of memory. Weights kept
in float16 halve what float32 reads, and torch has a fast float16 matrix-vector product (its
bfloat16 one is slower than float32's) but no fast float16 matrix product. So: one position goes
through that product, several through float32 copies that live for one call and stay in the
processor's cache. Everything else (norms, attention, the residual stream) is float32. What float16
cannot hold (65504 is its largest number) is computed again in float32, so nothing is ever cut off.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel


class HalfLinear(nn.Linear):
    """A frozen linear layer with float16 weights: float32 in, float32 out."""

    def __init__(self, linear: nn.Linear) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.weight = linear.weight
        self.bias = linear.bias

    def forward(self, x: Tensor) -> Tensor:
        """(..., D_in) -> (..., D_out)."""
        if x.numel() != self.in_features:
            return F.linear(x, self.weight.float(), self.bias)
        out = F.linear(x.half(), self.weight).float()
        if not math.isfinite(
            out.detach().sum()
        ):  # one number to read: a sum keeps what is not finite
            return F.linear(x, self.weight.float(), self.bias)
        bias: Tensor | None = self.bias
        return out if bias is None else out + bias


def halve(model: PreTrainedModel) -> PreTrainedModel:
    """A float16 model that computes in float32; changed in place."""
    embeddings = {id(model.get_input_embeddings().weight), id(model.get_output_embeddings().weight)}
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.Linear:
                setattr(parent, name, HalfLinear(child))
    half = {id(m.weight) for m in model.modules() if isinstance(m, HalfLinear)} | embeddings
    for tensor in (*model.parameters(), *model.buffers()):
        if id(tensor) not in half and tensor.dtype is torch.float16:
            tensor.data = tensor.data.float()
    model.get_input_embeddings().register_forward_hook(_as_float)
    return model


def _as_float(module: nn.Module, args: tuple[Tensor], found: Tensor) -> Tensor:
    return found.float()
