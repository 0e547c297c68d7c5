"""GroupViT's stages (Xu et al., 2022) as an input projection: what NExT-GPT's code of 2024 has.

Its names are those of that code, so that what was trained there loads here. It differs from the
paper's (`grouping.py`): learned tokens gather in layers of their own before each assignment, the
temperature is one, and the last groups pass through layers more. No places are added: features
must say themselves where they stand, as those of a vision transformer do.

Legend: B batch, T tokens in, G groups of a stage, W width inside, D width of the language model.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from nextgpt_core.project.blocks import hard_assignment
from nextgpt_registry.projections import GroupVitOptions


class GroupVit(nn.Module):
    """(B, T, W_in) -> (B, G of the last stage, D)."""

    def __init__(
        self, options: GroupVitOptions, *, tokens: int, width_in: int, width_llm: int
    ) -> None:
        super().__init__()
        self.in_fc = nn.Linear(width_in, options.width)
        before = (0, *options.groups[:-1])
        grouping = zip(options.depths, options.groups, before, strict=False)
        stages = [_Stage(options, depth, groups, prior) for depth, groups, prior in grouping]
        self.layers = nn.ModuleList([*stages, _Blocks(options, options.depths[-1])])
        self.norm = nn.LayerNorm(options.width)
        self.out_fc = nn.Linear(options.width, width_llm)

    def forward(self, x_BTE: Tensor, mask_BT: Tensor | None = None) -> Tensor:
        """(B, T, W_in), which of them are real -> (B, G, D)."""
        x_BTW, c_BGW = self.in_fc(x_BTE), None
        *stages, last = self.layers
        for stage in stages:
            x_BTW, c_BGW = stage(x_BTW, c_BGW, mask_BT)
            mask_BT = None
        x_BGD: Tensor = self.out_fc(self.norm(last(x_BTW)))
        return x_BGD


class _Blocks(nn.Module):
    """Layers of self-attention, pre-norm."""

    def __init__(self, options: GroupVitOptions, depth: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_Block(options) for _ in range(depth))

    def forward(self, x_BTW: Tensor, mask_BT: Tensor | None = None) -> Tensor:
        for block in self.blocks:
            x_BTW = block(x_BTW, mask_BT)
        return x_BTW


class _Stage(_Blocks):
    """Layers over tokens and groups' tokens, then each token goes to one group."""

    def __init__(self, options: GroupVitOptions, depth: int, groups: int, before: int) -> None:
        super().__init__(options, depth)
        width = options.width
        self.group_token = nn.Parameter(torch.zeros(1, groups, width))
        if before:  # these begin as what the stage before made of its own
            across = _Across(before, width // 2, groups)
            self.group_projector: nn.Module | None = nn.Sequential(nn.LayerNorm(width), across)
        else:
            self.group_projector = None
            nn.init.trunc_normal_(self.group_token, std=0.02)
        self.downsample = _Gather(options, groups)

    def forward(  # type: ignore[override]
        self, x_BTW: Tensor, before_BGW: Tensor | None, mask_BT: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Features, the last stage's groups' tokens -> (B, G, W) and this stage's."""
        tokens = x_BTW.shape[1]
        c_BGW = self.group_token.expand(len(x_BTW), -1, -1)
        if self.group_projector is not None:
            c_BGW = c_BGW + self.group_projector(before_BGW)
        both_mask = None
        if mask_BT is not None:
            both_mask = torch.cat((mask_BT.bool(), mask_BT.new_ones(c_BGW.shape[:2]).bool()), 1)
        both = super().forward(torch.cat((x_BTW, c_BGW), 1), both_mask)
        x_BTW, c_BGW = both[:, :tokens], both[:, tokens:]
        return self.downsample(x_BTW, c_BGW, mask_BT), c_BGW


class _Gather(nn.Module):
    """Groups' tokens and features (B, T, W) -> (B, G, W)."""

    def __init__(self, options: GroupVitOptions, groups: int) -> None:
        super().__init__()
        width = options.width
        self.norm_tokens = nn.LayerNorm(width)
        self.mlp_inter = _Across(groups, width // 2, groups)
        self.norm_post_tokens = nn.LayerNorm(width)
        self.norm_x = nn.LayerNorm(width)
        self.pre_assign_attn = _Read(options)
        self.assign = _Attention(width, heads=1)
        self.norm_new_x = nn.LayerNorm(width)
        self.mlp_channels = _Mlp(width, options.ffn, width)

    def forward(self, x_BTW: Tensor, c_BGW: Tensor, mask_BT: Tensor | None) -> Tensor:
        x_BTW = self.norm_x(x_BTW)
        c_BGW = self.norm_post_tokens(self.mlp_inter(self.norm_tokens(c_BGW)))
        c_BGW = self.pre_assign_attn(c_BGW, x_BTW, mask_BT)
        found_BGW = c_BGW + self._assigned(c_BGW, x_BTW, mask_BT)
        made: Tensor = found_BGW + self.mlp_channels(self.norm_new_x(found_BGW))
        return made

    def _assigned(self, c_BGW: Tensor, x_BTW: Tensor, mask_BT: Tensor | None) -> Tensor:
        """The mean of each group's tokens, one more counted than there are."""
        one = self.assign
        scores_BGT = one.q_proj(c_BGW) @ one.k_proj(x_BTW).mT / c_BGW.shape[-1] ** 0.5
        assigned_BGT = hard_assignment(scores_BGT, noisy=self.training)
        if mask_BT is not None:
            assigned_BGT = assigned_BGT * mask_BT[:, None].to(assigned_BGT)
        mean_BGT = assigned_BGT / (assigned_BGT.sum(-1, keepdim=True) + 1)
        made: Tensor = one.proj(mean_BGT @ one.v_proj(x_BTW))
        return made


class _Block(nn.Module):
    def __init__(self, options: GroupVitOptions) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(options.width)
        self.attn = _SelfAttention(options.width, options.heads)
        self.norm2 = nn.LayerNorm(options.width)
        self.mlp = _Mlp(options.width, options.ffn, options.width)

    def forward(self, x_BTW: Tensor, mask_BT: Tensor | None) -> Tensor:
        x_BTW = x_BTW + self.attn(self.norm1(x_BTW), mask_BT)
        made: Tensor = x_BTW + self.mlp(self.norm2(x_BTW))
        return made


class _Read(nn.Module):
    """Groups' tokens read the features, post-norm."""

    def __init__(self, options: GroupVitOptions) -> None:
        super().__init__()
        self.attn = _Attention(options.width, options.heads)
        self.norm2 = nn.LayerNorm(options.width)
        self.mlp = _Mlp(options.width, options.ffn, options.width)
        self.norm_post = nn.LayerNorm(options.width)

    def forward(self, c_BGW: Tensor, x_BTW: Tensor, mask_BT: Tensor | None) -> Tensor:
        c_BGW = c_BGW + self.attn(c_BGW, x_BTW, mask_BT)
        made: Tensor = self.norm_post(c_BGW + self.mlp(self.norm2(c_BGW)))
        return made


class _SelfAttention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width)

    def forward(self, x_BTW: Tensor, mask_BT: Tensor | None) -> Tensor:
        q, k, v = self.qkv(x_BTW).chunk(3, -1)
        made: Tensor = self.proj(_attended(q, k, v, self.heads, mask_BT))
        return made


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.v_proj, self.proj = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, c_BGW: Tensor, x_BTW: Tensor, mask_BT: Tensor | None) -> Tensor:
        q, k, v = self.q_proj(c_BGW), self.k_proj(x_BTW), self.v_proj(x_BTW)
        made: Tensor = self.proj(_attended(q, k, v, self.heads, mask_BT))
        return made


class _Mlp(nn.Module):
    def __init__(self, width_in: int, hidden: int, width_out: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width_in, hidden), nn.Linear(hidden, width_out)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.fc2(gelu(self.fc1(x)))
        return made


class _Across(_Mlp):
    """(B, G, W) -> (B, G', W): across the groups, and not the width."""

    def forward(self, x_BGW: Tensor) -> Tensor:
        return super().forward(x_BGW.mT).mT


def _attended(q: Tensor, k: Tensor, v: Tensor, heads: int, mask_BT: Tensor | None) -> Tensor:
    """(B, G, W), (B, T, W) twice -> (B, G, W)."""
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    mask = None if mask_BT is None else mask_BT.bool()[:, None, None]
    return scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)
