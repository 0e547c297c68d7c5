"""The paper's input projection (appendix C.1): tokens assigned to learnable groups, in stages.

Legend: B batch, T tokens in, G groups of a stage, W width inside, D width of the language model.
In each stage the groups' tokens C and the features X first look at each other; then
A = softmax((norm(C) norm(X)^T + gumbel) / tau) says which group a token belongs to, taken hard
with a straight-through gradient, and X' = C + MLP(mean of the group's tokens). tau is learned.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nextgpt_core.project.blocks import (
    encoder_stack,
    hard_assignment,
    learned,
    padding,
    start_xavier,
)
from nextgpt_registry.projections import GroupingOptions


class Grouping(nn.Module):
    """(B, T, W_in) -> (B, G of the last stage, D)."""

    def __init__(
        self, options: GroupingOptions, *, tokens: int, width_in: int, width_llm: int
    ) -> None:
        super().__init__()
        self.fc_in = nn.Linear(width_in, options.width)
        self.place = learned(tokens, options.width)
        self.stages = nn.ModuleList(_Stage(options, groups) for groups in options.groups)
        self.norm = nn.LayerNorm(options.width)
        self.fc_out = nn.Linear(options.width, width_llm)

    def forward(self, x_BTE: Tensor, mask_BT: Tensor | None = None) -> Tensor:
        """(B, T, W_in), which of them are real -> (B, G, D)."""
        x_BTW = self.fc_in(x_BTE) + self.place[: x_BTE.shape[1]]
        for stage in self.stages:
            x_BTW, mask_BT = stage(x_BTW, mask_BT), None
        x_BGD: Tensor = self.fc_out(self.norm(x_BTW))
        return x_BGD


class _Stage(nn.Module):
    def __init__(self, options: GroupingOptions, groups: int) -> None:
        super().__init__()
        width = options.width
        self.groups = learned(groups, width)
        self.layers = encoder_stack(
            width,
            heads=options.heads,
            ffn=options.ffn,
            layers=options.depth,
            dropout=options.dropout,
        )
        self.norm_groups = nn.LayerNorm(width)
        self.norm_tokens = nn.LayerNorm(width)
        self.log_tau = nn.Parameter(torch.zeros(()))
        self.merge = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, options.ffn),
            nn.GELU(),
            nn.Linear(options.ffn, width),
        )
        start_xavier(self.layers)

    def forward(self, x_BTW: Tensor, mask_BT: Tensor | None) -> Tensor:
        batch, tokens, width = x_BTW.shape
        c_BGW = self.groups.expand(batch, -1, -1)
        both_mask = None
        if mask_BT is not None:
            both_mask = torch.cat((mask_BT.bool(), mask_BT.new_ones(c_BGW.shape[:2]).bool()), 1)
        both = self.layers(torch.cat((x_BTW, c_BGW), 1), src_key_padding_mask=padding(both_mask))
        x_BTW, c_BGW = both[:, :tokens], both[:, tokens:]
        scores_BGT = self.norm_groups(c_BGW) @ self.norm_tokens(x_BTW).mT / width**0.5
        assigned_BGT = self._assign(scores_BGT)
        if mask_BT is not None:
            assigned_BGT = assigned_BGT * mask_BT[:, None].to(assigned_BGT)
        # +1: a group with few tokens stays near its own learned token, an empty one on it
        mean_BGW = assigned_BGT @ x_BTW / (assigned_BGT.sum(-1, keepdim=True) + 1)
        merged: Tensor = c_BGW + self.merge(mean_BGW)
        return merged

    def _assign(self, scores_BGT: Tensor) -> Tensor:
        """Scores -> each token's one group."""
        return hard_assignment(scores_BGT, tau=self.log_tau.exp(), noisy=self.training)
