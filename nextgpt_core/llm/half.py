"""Half-precision weights with float32 arithmetic, for the CPU. Knows no particular model.

Writing one token reads every weight once, so on a CPU its speed is that of memory, and weights kept
in float16 halve what float32 reads. torch has a product of float32 with float16 (FBGEMM's) that
widens weights in the processor's registers: as quick for one position as any, and for several far
quicker than one with float32 weights. It wants the weights laid out its own way, so a model is
packed when nothing moves its weights any more. Everything else (norms, attention, the residual
stream) is float32, and no activation is ever rounded. Before packing, in training, and on a
processor that FBGEMM does not know, weights are widened for one call.
"""

from __future__ import annotations

from typing import Any

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
        self._packed: Any = None

    def forward(self, x: Tensor) -> Tensor:
        """(..., D_in) -> (..., D_out)."""
        if self._packed is None or (x.requires_grad and torch.is_grad_enabled()):
            return F.linear(x, self.weight.float(), self.bias)
        out: Tensor = torch.ops.quantized.linear_dynamic_fp16.default(x, self._packed)
        return out

    def pack(self, *, keep: bool) -> None:
        """Lay the weights out for FBGEMM; `keep` those that something else reads as well."""
        weight, bias = self.weight.detach().float(), self.bias
        self._packed = torch.ops.quantized.linear_prepack_fp16(weight, bias)
        if not keep:
            del self.weight

    def __getattr__(self, name: str) -> Tensor | nn.Module:
        """Weights that were packed, as they were."""
        if name != "weight" or self.__dict__.get("_packed") is None:
            return super().__getattr__(name)
        weight: Tensor = torch.ops.quantized.linear_unpack_fp16(self._packed)[0]
        return weight.half()


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


@torch.no_grad()
def pack(model: PreTrainedModel) -> None:
    """Lay out the weights of every `HalfLinear` for use, where the processor has the product."""
    if "fbgemm" not in torch.backends.quantized.supported_engines:
        return
    head = model.get_output_embeddings()  # its rows are read: the embedding's own, if tied
    for module in model.modules():
        if isinstance(module, HalfLinear) and module._packed is None:
            module.pack(keep=module is head)


def _as_float(module: nn.Module, args: tuple[Tensor], found: Tensor) -> Tensor:
    return found.float()
