"""The tensors of what the layouts have in common, from a plan. Knows no layout's names.

Legend of shapes: V base rows of the vocabulary, D width of the language model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from nextgpt_registry.errors import ConfigError
from nextgpt_registry.plan import OutputPlan, Plan
from nextgpt_systems.checkpoints.pieces import Piece, Shape

_ATTENTION = {"q_proj", "k_proj", "v_proj", "o_proj"}


@dataclass(frozen=True)
class Named:
    """A tensor as both sides name it: `ours` inside its part, `theirs` inside the module."""

    ours: str
    theirs: str
    shape: Shape  # theirs
    own_shape: Shape | None = None  # ours, where it differs


def lora_tensors(plan: Plan) -> Iterator[tuple[str, str, Shape]]:
    """(path of the layer, `A` or `B`, shape) of every matrix of the adapters."""
    lora, facts = plan.config.llm.lora, plan.facts
    if lora is None:
        return
    for layer in range(facts.layers):
        for target in lora.targets:
            block = "self_attn" if target in _ATTENTION else "mlp"
            wide, tall = facts.linears[target]
            path = f"layers.{layer}.{block}.{target}"
            yield path, "A", (lora.r, wide)
            yield path, "B", (tall, lora.r)


def query_tensors(plan: Plan, channel: str, *, into: str, out: str) -> list[Named]:
    """The tensors of a `query` projection; `into` and `out` are how its two matrices are called.

    Raises:
        ConfigError: the channel has no such projection, or drives several conditions.
    """
    made = _output(plan, channel)
    [condition] = made.conditions
    width, options = int(made.options["width"]), made.options
    with torch.device("meta"):
        transformer = nn.Transformer(
            width,
            options["heads"],
            options["layers"],
            options["layers"],
            options["ffn"],
            batch_first=True,
        )
    inner = {name: tuple(tensor.shape) for name, tensor in transformer.state_dict().items()}
    return [
        Named("fc_in.weight", f"{into}.weight", (width, plan.facts.width)),
        Named("fc_in.bias", f"{into}.bias", (width,)),
        *(Named(name, f"tfm.{name}", shape) for name, shape in inner.items()),
        Named("queries", "query_embs", (1, condition.tokens, width), (condition.tokens, width)),
        Named("fc_out.0.weight", f"{out}.weight", (condition.width, width)),
        Named("fc_out.0.bias", f"{out}.bias", (condition.width,)),
    ]


def row_pieces(plan: Plan, keys: Mapping[str, str], first: Mapping[str, int]) -> Iterator[Piece]:
    """Base rows and those of each channel's signals, of the matrices `keys` (by `input`, `output`).

    `first` holds the checkpoint's id of each channel's first signal.
    """
    base = plan.signals.base
    for side, key in keys.items():
        yield Piece("vocabulary", side, key, rows=(0, base))
        for block in plan.signals.blocks:
            start = first[block.channel]
            yield Piece(
                "signals", f"{block.channel}.{side}", key, rows=(start, start + block.count)
            )


def _output(plan: Plan, channel: str) -> OutputPlan:
    made = plan.channels[channel].output if channel in plan.channels else None
    if made is None or made.kind != "query" or len(made.conditions) != 1:
        raise ConfigError(
            f"{plan.system}: modalities.{channel}",
            "has no output projection of the kind `query` with one condition",
            "convert into the system the checkpoint was trained in",
        )
    return made
