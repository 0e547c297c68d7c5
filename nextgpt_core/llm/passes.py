"""One pass of a language model over positions of several sequences. Knows no model family.

A step of a small model on a CPU spends much of its time between its products: in the modules of
layers, attention and norms, in masks and arguments handed on. Where a family's layers hold what
Llama's hold and nothing else, they are gone through here; others are called as they are, their
attention exchanged. Whether either comes to the same is found by trying (`llm/probe.py`).

Legend: B batch, N positions of a pass, T of a sequence, D width, H heads of queries, K of keys, W
width of a head, F width inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm

from nextgpt_core.llm.backbone import Backbone, Run
from nextgpt_core.llm.exchange import attending
from nextgpt_core.llm.slots import Slot, Slots, Together

_LAYER = {"self_attn", "mlp", "input_layernorm", "post_attention_layernorm"}
_ATTENTION = {"q_proj", "k_proj", "v_proj", "o_proj"}
_NORMED = {"q_norm", "k_norm"}
_MLP = {"gate_proj", "up_proj", "down_proj", "act_fn"}
_INNER = {"embed_tokens", "layers", "norm", "rotary_emb"}


def read_together(
    backbone: Backbone, slots: Slots, parts: Sequence[tuple[Slot, Tensor]]
) -> list[Run]:
    """Read embeddings (1, T, D) on into each of some slots; the states of each.

    Only where the backbone's `feeding.together` says so. If it fails, the slots hold what they did.
    """
    given = {id(slot): x_1TD for slot, x_1TD in parts}
    for slot, x_1TD in parts:
        slots.reserve(slot, x_1TD.shape[1])
    like = torch.empty(0, dtype=backbone.dtype, device=backbone.device)
    cache = Together([(slot, x_1TD.shape[1]) for slot, x_1TD in parts], like)
    ordered = [given[id(slot)] for slot in cache.slots]
    directly = backbone.direct is not None
    run = read_pass(backbone, torch.cat(ordered, dim=1), cache, directly=directly)
    cache.done()
    counts = [x_1TD.shape[1] for x_1TD in ordered]
    hidden, final = run.hidden_BTD.split(counts, dim=1), run.final_BTD.split(counts, dim=1)
    found = {id(s): Run(h, f, None) for s, h, f in zip(cache.slots, hidden, final, strict=True)}
    return [found[id(slot)] for slot, _ in parts]


def read_pass(backbone: Backbone, x_1ND: Tensor, cache: Together, *, directly: bool) -> Run:
    """One pass, through the family's own modules or `directly` through what they hold."""
    if directly:
        assert backbone.direct is not None
        run: Run = backbone.direct(x_1ND.to(backbone.dtype), cache)
        return run
    given = {"mask_BT": cache.mask_11NN, "positions_BT": cache.positions_1N}
    with attending(cache):
        return backbone.once(x_1ND, cache=cache, **given)


class Direct:
    """`tap` is the layer whose input is wanted beside the final states."""

    def __init__(self, inner: nn.Module, layers: nn.ModuleList, tap: nn.Module | None) -> None:
        self._inner = inner
        self._layers = list(layers)
        self._tap = tap

    @classmethod
    def of(cls, backbone: Backbone) -> Self | None:
        """The layers of a backbone; None where they hold something else."""
        inner: Any = backbone.inner
        if _names(inner) != _INNER or not all(map(_is_plain, inner.layers)):
            return None
        return cls(inner, inner.layers, backbone.tap)

    def __call__(self, x_1ND: Tensor, cache: Together) -> Run:
        """Embeddings (1, N, D) -> states at the tapped layer and final ones (1, N, D).

        `cache` is written to and attended over.
        """
        inner: Any = self._inner
        cos_1NW, sin_1NW = inner.rotary_emb(x_1ND, cache.positions_1N)
        cos_N1W = cos_1NW[0, :, None]
        half = cos_N1W.shape[-1] // 2
        sin_N1W = torch.cat((-sin_1NW[0, :, None, :half], sin_1NW[0, :, None, half:]), dim=-1)
        x_ND, tapped_ND = x_1ND[0], None
        for index, layer in enumerate(self._layers):
            if layer is self._tap:
                tapped_ND = x_ND
            h_ND = _normed(layer.input_layernorm, x_ND)
            x_ND = x_ND + self._attention(layer, index, h_ND, cache, cos_N1W, sin_N1W)
            mlp: Any = layer.mlp
            h_ND = _normed(layer.post_attention_layernorm, x_ND)
            inside_NF = mlp.act_fn(mlp.gate_proj(h_ND)).mul_(mlp.up_proj(h_ND))
            x_ND = x_ND + mlp.down_proj(inside_NF)
        final_1ND = _normed(inner.norm, x_ND)[None]
        return Run(final_1ND if tapped_ND is None else tapped_ND[None], final_1ND, None)

    @staticmethod
    def _attention(
        layer: Any, index: int, h_ND: Tensor, cache: Together, cos_N1W: Tensor, sin_N1W: Tensor
    ) -> Tensor:
        own, width = layer.self_attn, cos_N1W.shape[-1]
        products = own.q_proj, own.k_proj, own.v_proj
        q_NHW, k_NKW, v_NKW = (product(h_ND).unflatten(-1, (-1, width)) for product in products)
        if hasattr(own, "q_norm"):
            q_NHW, k_NKW = _normed(own.q_norm, q_NHW), _normed(own.k_norm, k_NKW)
        heads = q_NHW.shape[1]
        both = torch.cat((q_NHW, k_NKW), dim=1)
        both = torch.addcmul(both * cos_N1W, both.roll(width // 2, dims=-1), sin_N1W)
        q_1HNW, k_1KNW = both.transpose(0, 1)[None].split((heads, both.shape[1] - heads), dim=1)
        cache.update(k_1KNW, v_NKW.transpose(0, 1)[None], index)
        found_1NHW = cache.attend(q_1HNW, own.scaling)
        output_ND: Tensor = own.o_proj(found_1NHW[0].flatten(1))
        return output_ND


def _normed(norm: Any, x: Tensor) -> Tensor:
    return rms_norm(x, norm.weight.shape, norm.weight, norm.variance_epsilon)


def _names(module: nn.Module) -> set[str]:
    return {name for name, _ in module.named_children()}


def _is_plain(layer: Any) -> bool:
    """Whether a layer holds what is gone through here, and its norms are roots of mean squares."""
    if _names(layer) != _LAYER or _names(layer.mlp) != _MLP:
        return False
    attention = layer.self_attn
    if _names(attention) not in (_ATTENTION, _ATTENTION | _NORMED):
        return False
    norms = [layer.input_layernorm, layer.post_attention_layernorm]
    norms += [one for name, one in attention.named_children() if name in _NORMED]
    return hasattr(attention, "scaling") and all(hasattr(n, "variance_epsilon") for n in norms)
