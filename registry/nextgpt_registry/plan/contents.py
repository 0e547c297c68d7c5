"""What the file of a trained part must hold, and what its header says it holds. Loads nothing.

Every tensor is accounted for: one that is lacking, strange, of another shape or no floating one
is told, so that no part is loaded from the file of another one, or from half of its own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from nextgpt_registry.config import LLMFacts, Lora
from nextgpt_registry.headers import Tensor
from nextgpt_registry.lock import SignalBlock
from nextgpt_registry.shapes import Shapes

_FLOATS = ("F64", "F32", "F16", "BF16")
_SHOWN = 3

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class Contents:
    """What a header came to: what is wrong with it, what it holds, and what of it is not used."""

    problems: tuple[str, ...] = ()
    holds: frozenset[str] = frozenset()  # sides of a projection, or channels of signal rows
    unused: tuple[str, ...] = ()


def projection(found: Tensors, sides: Mapping[str, Shapes | None]) -> Contents:
    """The file of `project.<channel>`; a side is None where the config leaves it out.

    A side without any tensor was not trained; every other is whole.
    """
    problems: list[str] = []
    own: dict[str, Tensors] = {
        side: {name: t for name, t in found.items() if name.startswith(f"{side}.")}
        for side in sides
    }
    strange = [name for name in found if name.partition(".")[0] not in sides]
    problems += _told("holds {}: no tensor of a projection", strange)
    holds = frozenset(side for side, shapes in sides.items() if shapes is not None and own[side])
    for side, shapes in sides.items():
        if shapes is not None and own[side]:
            wanted = {f"{side}.{name}": shape for name, shape in shapes.items()}
            problems += misfits(own[side], wanted)
    unused = tuple(side for side, shapes in sides.items() if shapes is None and own[side])
    if not holds and not problems:
        have = " or ".join(side for side, shapes in sides.items() if shapes is not None)
        problems.append(f"holds no {have} projection")
    return Contents(tuple(problems), holds, unused)


def signals(
    found: Tensors,
    blocks: Collection[SignalBlock],
    *,
    facts: LLMFacts,
    silent: Collection[str],
) -> Contents:
    """The file of `signals`: rows of each channel, those to be read and those to be written.

    `silent` are channels that the config has without a decoder, or leaves out: their rows are not
    used. A model that ties its embeddings may keep one kind of row for both.
    """
    problems: list[str] = []
    wanted: dict[str, tuple[int, ...]] = {}
    holds = set()
    for block in blocks:
        names = [f"{block.channel}.input", f"{block.channel}.output"]
        if not any(name in found for name in names):
            continue
        holds.add(block.channel)
        if facts.tied and names[1] not in found:
            names = names[:1]
        wanted |= dict.fromkeys(names, (block.count, facts.width))
    unused = {name.rpartition(".")[0] for name in found} & (set(silent) - holds)
    own = {name: t for name, t in found.items() if name.rpartition(".")[0] not in unused}
    problems += misfits(own, wanted)
    if blocks and not holds and not problems:
        problems.append(f"holds no rows of {', '.join(block.channel for block in blocks)}")
    return Contents(tuple(problems), frozenset(holds), tuple(sorted(unused)))


def vocabulary(found: Tensors, facts: LLMFacts) -> Contents:
    """The file of base rows, in place of the language model's own."""
    names = ("input",) if facts.tied else ("input", "output")
    wanted = dict.fromkeys(names, (facts.vocabulary, facts.width))
    return Contents(tuple(misfits(found, wanted)))


def adapters(found: Tensors, facts: LLMFacts, lora: Lora) -> Contents:
    """The file of `lora`: two matrices, A and B, for each linear layer that is adapted.

    The names of blocks differ from family to family; what is held here is that each block has
    each layer once, under the same name. Where the facts name no linear layers their widths are
    not known.
    """
    problems: list[str] = []
    pairs: dict[str, dict[str, Tensor]] = {}
    for name, tensor in found.items():
        path, _, side = name.rpartition(".")
        pairs.setdefault(path if side in ("A", "B") else name, {})[side] = tensor
    places: dict[str, set[int]] = {}  # layers in which a linear layer is adapted, by its name
    for path, pair in pairs.items():
        where, layer = _layer(path)
        target = next((t for t in lora.targets if path == t or path.endswith(f".{t}")), None)
        if target is None or layer is None or set(pair) - {"A", "B"}:
            problems += _told("holds {}: no adapter of a layer that llm.lora.targets names", [path])
            continue
        places.setdefault(where, set()).add(layer)
        problems += misfits(
            {f"{path}.{side}": tensor for side, tensor in pair.items()},
            _matrices(path, facts, lora, pair),
        )
    problems += _absent(places, facts, lora)
    return Contents(tuple(dict.fromkeys(problems)))


def misfits(found: Tensors, wanted: Shapes) -> list[str]:
    """How tensors differ from those wanted, by name, shape and kind of number."""
    lacking = [name for name in wanted if name not in found]
    strange = [name for name in found if name not in wanted]
    shapes = [
        f"{name} is {found[name].shape}, wanted {shape}"
        for name, shape in wanted.items()
        if name in found and found[name].shape != shape
    ]
    types = [
        f"{name} is of type {found[name].dtype}, wanted one of {', '.join(_FLOATS)}"
        for name in wanted
        if name in found and found[name].dtype not in _FLOATS
    ]
    told = [*_told("lacks {}", lacking), *_told("holds {}: no tensor of this part", strange)]
    return [*told, *_few(shapes), *_few(types)]


def _matrices(
    path: str, facts: LLMFacts, lora: Lora, pair: Mapping[str, Tensor]
) -> dict[str, tuple[int, ...]]:
    """The shapes of A and B; widths that nobody knows are as they are found."""
    known = [size for name, size in facts.linears.items() if path.endswith(f".{name}")]
    width_in, width_out = known[0] if known else (_at(pair.get("A"), 1), _at(pair.get("B"), 0))
    return {f"{path}.A": (lora.r, width_in), f"{path}.B": (width_out, lora.r)}


def _at(tensor: Tensor | None, place: int) -> int:
    return tensor.shape[place] if tensor is not None and len(tensor.shape) == 2 else 0


def _layer(path: str) -> tuple[str, int | None]:
    """`layers.3.mlp.up` -> (`layers.*.mlp.up`, 3): the first number is that of the block."""
    number = re.search(r"(?<=\.)\d+(?=\.)", path)
    if number is None:
        return path, None
    return f"{path[: number.start()]}*{path[number.end() :]}", int(number[0])


def _absent(places: Mapping[str, set[int]], facts: LLMFacts, lora: Lora) -> Iterator[str]:
    """Targets, or blocks of the language model, that nothing in the file adapts."""
    everywhere = set(range(facts.layers))
    for where, layers in places.items():
        if strange := sorted(layers - everywhere):
            yield f"adapts {where} in block {strange[0]}, and the language model has {facts.layers}"
        if facts.linears and (lacking := sorted(everywhere - layers)):
            yield f"adapts {where} in {len(layers)} of {facts.layers} blocks: not in {lacking[0]}"
    wanted = [n for n in facts.linears if any(_means(t, n) for t in lora.targets)] or lora.targets
    for name in wanted:
        count = sum(_means(name, where) for where in places)
        if count == 0:
            yield f"adapts no {name}"
        elif count > 1 and facts.linears:
            yield f"adapts {name} under {count} names"


def _means(target: str, name: str) -> bool:
    """Whether peft's `target` means the linear layer `name`: equal, or its last parts."""
    return name == target or name.endswith(f".{target}")


def _told(what: str, names: Collection[str]) -> list[str]:
    """`lacks a, b, c and 4 more`."""
    if not names:
        return []
    few, more = list(names)[:_SHOWN], len(names) - _SHOWN
    return [what.format(f"{', '.join(few)}{f' and {more} more' if more > 0 else ''}")]


def _few(lines: list[str]) -> list[str]:
    more = len(lines) - _SHOWN
    return [*lines[:_SHOWN], *([f"and {more} more like that"] if more > 0 else [])]
