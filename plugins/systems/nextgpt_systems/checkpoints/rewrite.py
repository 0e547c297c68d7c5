"""The folders that the code of 2024 writes: a file for each of its stages, never published.

A folder may hold the files of one stage or of several; what they have in common is taken from the
latest. There signals were written with a space between each two, so an output projection read
2n - 1 positions where ours reads the n signals: the numbers are carried over, their use differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from torch import Tensor

from nextgpt_registry.errors import ConfigError, SourceError
from nextgpt_registry.plan import Plan
from nextgpt_systems.checkpoints.adapters import check_adapters
from nextgpt_systems.checkpoints.inputs import KINDS, tensors_of
from nextgpt_systems.checkpoints.pickles import read_tensors
from nextgpt_systems.checkpoints.pieces import Layout, Piece, Shape
from nextgpt_systems.checkpoints.sizes import lora_tensors, query_tensors, row_pieces
from nextgpt_systems.checkpoints.tokens import ADDED, first_ids, read_added

FILES = (  # in the order of the stages
    "mm_input_projector.bin",
    "mm_output_projector.bin",
    "non_lora_trainables.bin",
    "adapter_model.bin",
    "adapter_model.safetensors",
)
_ADAPTERS = FILES[3:]
_PEFT = "base_model.model."
_ROWS = {"input": "model.embed_tokens.weight", "output": "lm_head.weight"}
_INPUT = "model.mm_input_projector"
_OUTPUT = {
    "image": "model.mm_output_img_projector",
    "video": "model.mm_output_vid_projector",
    "audio": "model.mm_output_aud_projector",
}


def layout(plan: Plan, folder: Path) -> Layout:
    """What the files that are there must hold for this system."""
    there = _there(folder)
    if any(name in there for name in _ADAPTERS):
        check_adapters(folder, plan.config.llm.lora)
    added = read_added(folder)
    counts = {block.channel: block.count for block in plan.signals.blocks}
    signals = {c: [f"<{c}_{i:02}>" for i in range(count)] for c, count in counts.items()}
    first = first_ids(added, signals, str(folder / ADDED))
    rows = (max(added.values()) + 1, plan.facts.width)
    shapes: dict[str, Shape] = dict.fromkeys(_ROWS.values(), rows)
    pieces = list(row_pieces(plan, _ROWS, first))
    stages = {
        _input: FILES[:1],
        _outputs: FILES[1:2],
        _lora: _ADAPTERS,
    }
    for part, files in stages.items():
        late = FILES[2] in there and part is not _lora
        if late or any(name in there for name in files):
            for found, shape in part(plan):
                shapes[found.key] = shape
                pieces.append(found)
    return Layout(shapes, pieces)


def tensors(folder: Path) -> Mapping[str, Tensor]:
    """The tensors of all files, without the prefix that peft gave them.

    Raises:
        SourceError: a file cannot be read, or holds a tensor twice, with and without the prefix.
    """
    found: dict[str, Tensor] = {}
    for name in _there(folder):
        path = folder / name
        read = _read(path)
        twice = [key for key in read if key.startswith(_PEFT) and key.removeprefix(_PEFT) in read]
        if twice:
            raise SourceError(
                str(path),
                f"holds {', '.join(twice[:5])} with the prefix and without",
                "take the file as that code wrote it",
            )
        found |= {key.removeprefix(_PEFT): tensor for key, tensor in read.items()}
    return found


def _there(folder: Path) -> list[str]:
    there = [name for name in FILES if (folder / name).is_file()]
    if set(_ADAPTERS) <= set(there):
        raise SourceError(
            str(folder), f"holds both {' and '.join(_ADAPTERS)}", "leave there the later one alone"
        )
    if not there:
        raise SourceError(
            str(folder), "holds no checkpoint of this layout", f"wanted one of {', '.join(FILES)}"
        )
    return there


def _read(path: Path) -> Mapping[str, Tensor]:
    if path.suffix != ".safetensors":
        return read_tensors(path)
    from safetensors import SafetensorError
    from safetensors.torch import load_file  # maps the file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise SourceError(
            str(path), f"cannot be read as safetensors: {error}", "fetch it again"
        ) from error


def _lora(plan: Plan) -> Iterator[tuple[Piece, Shape]]:
    for path, side, shape in lora_tensors(plan):
        yield Piece("lora", f"{path}.{side}", f"model.{path}.lora_{side}.weight"), shape


def _input(plan: Plan) -> Iterator[tuple[Piece, Shape]]:
    """One projection, under the names of its own code, in the part of each channel that reads."""
    for name, channel in plan.channels.items():
        if channel.input is None:
            continue
        found = tensors_of(channel.input, plan.facts.width)
        if found is None:
            raise ConfigError(
                f"modalities.{name}.input_projection",
                f"is {channel.input.kind!r}, which that code has not: its `group` is `groupvit` "
                "here, and the numbers of one mean nothing in the other",
                f"set the kind to {' or '.join(KINDS)}, or convert without {FILES[0]}",
            )
        for own, shape in found:
            yield Piece(f"project.{name}", f"input.map.{own}", f"{_INPUT}.{own}"), shape


def _outputs(plan: Plan) -> Iterator[tuple[Piece, Shape]]:
    for channel, prefix in _OUTPUT.items():
        for named in query_tensors(plan, channel, into="in_fc", out="out_fc"):
            part, key = f"project.{channel}", f"{prefix}.{named.theirs}"
            yield Piece(part, f"output.{named.ours}", key, shape=named.own_shape), named.shape
