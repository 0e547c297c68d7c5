"""The tensors of a projection by their names: what a file of it holds. Needs no torch.

The core's tests hold these names and shapes to the real modules (`nextgpt_core.project`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from nextgpt_registry.config import Settings
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


def input_shapes(options: Settings, *, tokens: int, width_in: int, width_llm: int) -> Shapes:
    """The tensors of an input projection, by the class of its options."""
    return _under("map", _input(options, tokens, width_in, width_llm))


def output_shapes(
    options: Settings, *, width_llm: int, signals: int, conditions: Sequence[Condition]
) -> Shapes:
    """The tensors of an output projection, by the class of its options."""
    match options:
        case QueryOptions(width=width, ffn=ffn, layers=layers):
            heads = [_linear(f"fc_out.{n}", width, c.width) for n, c in enumerate(conditions)]
            return {
                "queries": (sum(c.tokens for c in conditions), width),
                **_linear("fc_in", width_llm, width),
                **_encoder("encoder", width, ffn, layers),
                **_decoder("decoder", width, ffn, layers),
                **_joined(heads),
            }
        case LinearOptions():
            heads = [_linear(f"fc_out.{n}", width_llm, c.width) for n, c in enumerate(conditions)]
            places = {
                f"places.{n}.weight": (c.tokens, signals)
                for n, c in enumerate(conditions)
                if c.tokens != signals
            }
            return {**_joined(heads), **places}
    raise AssertionError(f"a kind of output projection without a size: {options!r}")


def _input(options: Settings, tokens: int, width_in: int, width_llm: int) -> Shapes:
    match options:
        case MlpOptions(hidden=hidden):
            inner = hidden or width_llm
            return {**_linear("0", width_in, inner), **_linear("2", inner, width_llm)}
        case GroupingOptions(width=width, groups=groups):
            stages = [_under(f"stages.{n}", _grouping(options, g)) for n, g in enumerate(groups)]
            return {
                "place": (tokens, width),
                **_linear("fc_in", width_in, width),
                **_joined(stages),
                **_norm("norm", width),
                **_linear("fc_out", width, width_llm),
            }
        case GroupVitOptions():
            return _groupvit(options, width_in, width_llm)
        case ResamplerOptions(width=width, ffn=ffn):
            return {
                "place": (tokens, width),
                "queries": (options.tokens, width),
                **_linear("fc_in", width_in, width),
                **_norm("norm", width),
                **_decoder("layers", width, ffn, options.depth),
                **_linear("fc_out", width, width_llm),
            }
        case LinearOptions():
            return _linear("", width_in, width_llm)
    raise AssertionError(f"a kind of input projection without a size: {options!r}")


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


def _groupvit(options: GroupVitOptions, width_in: int, width_llm: int) -> Shapes:
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
