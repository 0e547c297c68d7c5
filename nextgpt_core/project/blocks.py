"""Small pieces that several projections are made of. Legend: B batch, T tokens, W width."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def learned(*shape: int, size: float = 0.02) -> nn.Parameter:
    """A parameter of small random numbers: never zeros, whose rows could not grow apart."""
    return nn.Parameter(torch.randn(shape) * size)


def encoder_stack(
    width: int, *, heads: int, ffn: int, layers: int, dropout: float
) -> nn.TransformerEncoder:
    """`layers` pre-norm self-attention layers and a final norm."""
    layer = nn.TransformerEncoderLayer(
        width, heads, ffn, dropout, batch_first=True, norm_first=True
    )
    return nn.TransformerEncoder(
        layer, layers, norm=nn.LayerNorm(width), enable_nested_tensor=False
    )


def decoder_stack(
    width: int, *, heads: int, ffn: int, layers: int, dropout: float
) -> nn.TransformerDecoder:
    """`layers` pre-norm self- and cross-attention layers and a final norm."""
    layer = nn.TransformerDecoderLayer(
        width, heads, ffn, dropout, batch_first=True, norm_first=True
    )
    return nn.TransformerDecoder(layer, layers, norm=nn.LayerNorm(width))


def start_xavier(module: nn.Module) -> None:
    """Start all matrices as nn.Transformer does; its copies of one layer then differ."""
    for parameter in module.parameters():
        if parameter.dim() > 1:
            nn.init.xavier_uniform_(parameter)


def hard_assignment(scores_BGT: Tensor, *, tau: Tensor | float = 1.0, noisy: bool) -> Tensor:
    """Scores -> each token's one group, hard forward and soft backward; `noisy` as Gumbel is."""
    if noisy:
        scores_BGT = scores_BGT - torch.empty_like(scores_BGT).exponential_().log()
    soft_BGT = (scores_BGT / tau).softmax(dim=1)
    hard_BGT = torch.zeros_like(soft_BGT).scatter_(1, soft_BGT.argmax(1, keepdim=True), 1.0)
    return hard_BGT - soft_BGT.detach() + soft_BGT


def padding(mask_BT: Tensor | None) -> Tensor | None:
    """A mask of what is real -> torch's mask of what is not."""
    return None if mask_BT is None else ~mask_BT.bool()
