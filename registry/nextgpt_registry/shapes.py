"""The tensors of each bundled projection by their names. Needs no torch.

`nextgpt_core.project` holds the real modules to these names and shapes when it builds them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from nextgpt_registry.projections import (
    GroupingOptions,
    GroupVitOptions,
    LinearOptions,
    MlpOptions,
    QueryOptions,
    ResamplerOptions,
)
from nextgpt_registry.specs import Condition

Shapes = Mapping[str, tuple[int, ...]]
"""Name -> shape."""


def size(shapes: Shapes) -> int:
    """How many numbers they hold."""
    return sum(map(math.prod, shapes.values()))


def linear_input(options: LinearOptions, *, tokens: int, width_in: int, width_llm: int) -> Shapes:
    """One matrix and a bias."""
    return _linear("", width_in, width_llm)


def mlp_input(options: MlpOptions, *, tokens: int, width_in: int, width_llm: int) -> Shapes:
    """Two matrices, and nothing between them that is learned."""
    inner = options.hidden or width_llm
    return {**_linear("0", width_in, inner), **_linear("2", inner, width_llm)}


def grouping_input(
    options: GroupingOptions, *, tokens: int, width_in: int, width_llm: int
) -> Shapes:
    """Stages of layers, groups and the network that merges what is assigned to one."""
    width = options.width
    stages = [
        _under(f"stages.{n}", _grouping(options, groups)) for n, groups in enumerate(options.groups)
    ]
    return {
        "place": (tokens, width),
        **_linear("fc_in", width_in, width),
        **_joined(stages),
        **_norm("norm", width),
        **_linear("fc_out", width, width_llm),
    }


def resampler_input(
    options: ResamplerOptions, *, tokens: int, width_in: int, width_llm: int
) -> Shapes:
    """Queries, and the layers in which they read."""
    width = options.width
    return {
        "place": (tokens, width),
        "queries": (options.tokens, width),
        **_linear("fc_in", width_in, width),
        **_norm("norm", width),
        **_decoder("layers", width, options.ffn, options.depth),
        **_linear("fc_out", width, width_llm),
    }


def query_output(
    options: QueryOptions, *, width_llm: int, signals: int, conditions: Sequence[Condition]
) -> Shapes:
    """A transformer, and queries and a matrix for each condition."""
    width, ffn, layers = options.width, options.ffn, options.layers
    heads = [_linear(f"fc_out.{n}", width, c.width) for n, c in enumerate(conditions)]
    return {
        "queries": (sum(c.tokens for c in conditions), width),
        **_linear("fc_in", width_llm, width),
        **_encoder("encoder", width, ffn, layers),
        **_decoder("decoder", width, ffn, layers),
        **_joined(heads),
    }


def linear_output(
    options: LinearOptions, *, width_llm: int, signals: int, conditions: Sequence[Condition]
) -> Shapes:
    """A matrix for each condition, and one over the places where it has another length."""
    heads = [_linear(f"fc_out.{n}", width_llm, c.width) for n, c in enumerate(conditions)]
    places = {
        f"places.{n}.weight": (c.tokens, signals)
        for n, c in enumerate(conditions)
        if c.tokens != signals
    }
    return {**_joined(heads), **places}


def _grouping(options: GroupingOptions, groups: int) -> Shapes:
    width, ffn = options.width, options.ffn
    return {
        "groups": (groups, width),
        "log_tau": (),
        **_encoder("layers", width, ffn, options.depth),
        **_norm("norm_groups", width),
        **_norm("norm_tokens", width),
        **_norm("merge.0", width),
        **_linear("merge.1", width, ffn),
        **_linear("merge.3", ffn, width),
    }


def groupvit_input(
    options: GroupVitOptions, *, tokens: int, width_in: int, width_llm: int
) -> Shapes:
    """Stages of blocks, groups and the network that gathers what is assigned to them."""
    width, ffn, half = options.width, options.ffn, options.width // 2
    block = {
        **_norm("norm1", width),
        "attn.qkv.weight": (3 * width, width),
        **_linear("attn.proj", width, width),
        **_norm("norm2", width),
        **_two("mlp", width, ffn, width),
    }
    layers: list[Shapes] = [
        _under(f"layers.{stage}.blocks.{n}", block)
        for stage, depth in enumerate(options.depths)
        for n in range(depth)
    ]
    before = 0
    for stage, groups in enumerate(options.groups):
        own: dict[str, tuple[int, ...]] = {
            "group_token": (1, groups, width),
            **_under("downsample", _gather(width, ffn, groups)),
        }
        if before:
            own |= _norm("group_projector.0", width)
            own |= _two("group_projector.1", before, half, groups)
        layers.append(_under(f"layers.{stage}", own))
        before = groups
    return {
        **_linear("in_fc", width_in, width),
        **_joined(layers),
        **_norm("norm", width),
        **_linear("out_fc", width, width_llm),
    }


def _gather(width: int, ffn: int, groups: int) -> Shapes:
    """How tokens are assigned to groups, in one of GroupViT's stages."""
    attention = ("q_proj", "k_proj", "v_proj", "proj")
    return {
        **_norm("norm_tokens", width),
        **_two("mlp_inter", groups, width // 2, groups),
        **_norm("norm_post_tokens", width),
        **_norm("norm_x", width),
        **_joined([_linear(f"pre_assign_attn.attn.{n}", width, width) for n in attention]),
        **_norm("pre_assign_attn.norm2", width),
        **_two("pre_assign_attn.mlp", width, ffn, width),
        **_norm("pre_assign_attn.norm_post", width),
        **_joined([_linear(f"assign.{n}", width, width) for n in attention]),
        **_norm("norm_new_x", width),
        **_two("mlp_channels", width, ffn, width),
    }


def _encoder(name: str, width: int, ffn: int, layers: int) -> Shapes:
    """Layers of self-attention and feed-forward, and a final norm, as torch names them."""
    layer = {
        **_attention("self_attn", width),
        **_linear("linear1", width, ffn),
        **_linear("linear2", ffn, width),
        **_norm("norm1", width),
        **_norm("norm2", width),
    }
    return _stack(name, layer, width, layers)


def _decoder(name: str, width: int, ffn: int, layers: int) -> Shapes:
    """Layers of self-attention, cross-attention and feed-forward, and a final norm."""
    layer = {
        **_attention("self_attn", width),
        **_attention("multihead_attn", width),
        **_linear("linear1", width, ffn),
        **_linear("linear2", ffn, width),
        **_norm("norm1", width),
        **_norm("norm2", width),
        **_norm("norm3", width),
    }
    return _stack(name, layer, width, layers)


def _stack(name: str, layer: Shapes, width: int, layers: int) -> Shapes:
    found = [_under(f"{name}.layers.{n}", layer) for n in range(layers)]
    return {**_joined(found), **_norm(f"{name}.norm", width)}


def _attention(name: str, width: int) -> Shapes:
    return {
        f"{name}.in_proj_weight": (3 * width, width),
        f"{name}.in_proj_bias": (3 * width,),
        **_linear(f"{name}.out_proj", width, width),
    }


def _two(name: str, width_in: int, hidden: int, width_out: int) -> Shapes:
    return {
        **_linear(f"{name}.fc1", width_in, hidden),
        **_linear(f"{name}.fc2", hidden, width_out),
    }


def _linear(name: str, width_in: int, width_out: int) -> Shapes:
    return _under(name, {"weight": (width_out, width_in), "bias": (width_out,)})


def _norm(name: str, width: int) -> Shapes:
    return _under(name, {"weight": (width,), "bias": (width,)})


def _under(name: str, shapes: Shapes) -> Shapes:
    return {f"{name}.{key}" if name else key: shape for key, shape in shapes.items()}


def _joined(parts: Sequence[Shapes]) -> Shapes:
    return {key: shape for part in parts for key, shape in part.items()}
