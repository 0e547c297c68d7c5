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


def padding(mask_BT: Tensor | None) -> Tensor | None:
    """A mask of what is real -> torch's mask of what is not."""
    return None if mask_BT is None else ~mask_BT.bool()
