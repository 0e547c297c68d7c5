"""The tensors of an input projection of 2024: names that its code and ours share, and their shapes.

Legend of shapes: W width inside, F width between two matrices, E of the encoder, D of the language
model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from nextgpt_registry.plan import InputPlan
from nextgpt_registry.projections import GroupVitOptions
from nextgpt_systems.checkpoints.pieces import Shape

Tensors = Iterator[tuple[str, Shape]]


def tensors_of(made: InputPlan, width_llm: int) -> Tensors | None:
    """(name, shape) of each tensor; None for a kind that the code of 2024 has not."""
    list_all = _LISTS.get(made.kind)
    return list_all(made, width_llm) if list_all else None


def _linear(made: InputPlan, width_llm: int) -> Tensors:
    return _matrix("", made.width_in, width_llm)


def _mlp(made: InputPlan, width_llm: int) -> Tensors:
    yield from _matrix("0.", made.width_in, width_llm)
    yield from _matrix("2.", width_llm, width_llm)


def _groupvit(made: InputPlan, width_llm: int) -> Tensors:
    options = GroupVitOptions.model_validate(made.options)
    width, before = options.width, 0
    yield from _matrix("in_fc.", made.width_in, width)
    for stage, depth in enumerate(options.depths):
        for number in range(depth):
            yield from _block(f"layers.{stage}.blocks.{number}.", width, options.ffn)
        if stage == len(options.groups):
            break
        groups, at = options.groups[stage], f"layers.{stage}."
        yield f"{at}group_token", (1, groups, width)
        if before:
            yield from _norm(f"{at}group_projector.0.", width)
            yield from _two(f"{at}group_projector.1.", before, width // 2, groups)
        yield from _gather(f"{at}downsample.", groups, width, options.ffn)
        before = groups
    yield from _norm("norm.", width)
    yield from _matrix("out_fc.", width, width_llm)


def _block(at: str, width: int, ffn: int) -> Tensors:
    yield from _norm(f"{at}norm1.", width)
    yield f"{at}attn.qkv.weight", (3 * width, width)
    yield from _matrix(f"{at}attn.proj.", width, width)
    yield from _norm(f"{at}norm2.", width)
    yield from _two(f"{at}mlp.", width, ffn, width)


def _gather(at: str, groups: int, width: int, ffn: int) -> Tensors:
    for name in ("norm_tokens", "norm_post_tokens", "norm_x", "norm_new_x"):
        yield from _norm(f"{at}{name}.", width)
    for name in ("norm2", "norm_post"):
        yield from _norm(f"{at}pre_assign_attn.{name}.", width)
    for name in ("q_proj", "k_proj", "v_proj", "proj"):
        yield from _matrix(f"{at}pre_assign_attn.attn.{name}.", width, width)
        yield from _matrix(f"{at}assign.{name}.", width, width)
    yield from _two(f"{at}mlp_inter.", groups, width // 2, groups)
    yield from _two(f"{at}pre_assign_attn.mlp.", width, ffn, width)
    yield from _two(f"{at}mlp_channels.", width, ffn, width)


def _two(at: str, wide: int, inner: int, tall: int) -> Tensors:
    yield from _matrix(f"{at}fc1.", wide, inner)
    yield from _matrix(f"{at}fc2.", inner, tall)


def _matrix(at: str, wide: int, tall: int) -> Tensors:
    yield f"{at}weight", (tall, wide)
    yield f"{at}bias", (tall,)


def _norm(at: str, width: int) -> Tensors:
    yield f"{at}weight", (width,)
    yield f"{at}bias", (width,)


_LISTS: Mapping[str, Callable[[InputPlan, int], Tensors]] = {
    "linear": _linear,
    "mlp": _mlp,
    "groupvit": _groupvit,
}
KINDS = tuple(_LISTS)
"""Of input projection, that the code of 2024 has."""
