"""The published checkpoint of 2023, `nextgpt_7b_tiva_v0`: one file of what had been trained.

Its names are those of the code that wrote it; its 396,045,568 numbers are the embedding and output
matrix with 38 rows more, LoRA, one input projection and three output projections.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from torch import Tensor

from nextgpt_registry.plan import Plan
from nextgpt_systems.checkpoints.pickles import read_tensors
from nextgpt_systems.checkpoints.pieces import Layout, Piece, Shape
from nextgpt_systems.checkpoints.sizes import lora_tensors, query_tensors, row_pieces
from nextgpt_systems.checkpoints.tokens import ADDED, check_marks, first_ids, read_added

FILE = "pytorch_model.pt"
_MODEL = "llama_model.base_model.model"
_ROWS = {"input": f"{_MODEL}.model.embed_tokens.weight", "output": f"{_MODEL}.lm_head.weight"}
_SPELLED = {"image": "IMG", "video": "VID", "audio": "AUD"}
_OUTPUT = {
    "image": "gen_text_hidden_fcs.0",
    "video": "gen_text_hidden_fcs_video.0",
    "audio": "gen_text_hidden_fcs_audio.0",
}


def layout(plan: Plan, folder: Path) -> Layout:
    """What the published file must hold for this system."""
    added = read_added(folder)
    who = str(folder / ADDED)
    check_marks(added, who)
    counts = {block.channel: block.count for block in plan.signals.blocks}
    signals = {
        channel: [f"[{_SPELLED.get(channel, channel.upper())}{i}]" for i in range(count)]
        for channel, count in counts.items()
    }
    first = first_ids(added, signals, who)
    shapes: dict[str, Shape] = dict.fromkeys(
        _ROWS.values(), (max(added.values()) + 1, plan.facts.width)
    )
    pieces = list(row_pieces(plan, _ROWS, first))
    for found, shape in (*_lora(plan), *_input(plan), *_outputs(plan)):
        shapes[found.key] = shape
        pieces.append(found)
    return Layout(shapes, pieces)


def tensors(folder: Path) -> Mapping[str, Tensor]:
    """The checkpoint's tensors, mapped from its file."""
    return read_tensors(folder / FILE)


def _lora(plan: Plan) -> Iterator[tuple[Piece, Shape]]:
    for path, side, shape in lora_tensors(plan):
        key = f"{_MODEL}.model.{path}.lora_{side}.default.weight"
        yield Piece("lora", f"{path}.{side}", key), shape


def _input(plan: Plan) -> Iterator[tuple[Piece, Shape]]:
    """One projection, in the part of each channel that reads media."""
    for name, channel in plan.channels.items():
        if channel.input is None:
            continue
        wide, tall = channel.input.width_in, plan.facts.width
        part = f"project.{name}"
        yield Piece(part, "input.map.weight", "llama_proj.weight"), (tall, wide)
        yield Piece(part, "input.map.bias", "llama_proj.bias"), (tall,)


def _outputs(plan: Plan) -> Iterator[tuple[Piece, Shape]]:
    for channel, prefix in _OUTPUT.items():
        for named in query_tensors(plan, channel, into="fc", out="model"):
            part, key = f"project.{channel}", f"{prefix}.{named.theirs}"
            yield Piece(part, f"output.{named.ours}", key, shape=named.own_shape), named.shape
