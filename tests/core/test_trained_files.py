"""A trained part is loaded from its own whole file or not at all, which a plan tells."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from nextgpt_core.testing import SystemKit, ToyPlugin
from nextgpt_registry import Catalog, PlanError
from nextgpt_registry.config import Config
from nextgpt_registry.configfile import load_config
from nextgpt_registry.headers import PART
from nextgpt_registry.plan import make_plan
from nextgpt_registry.tensors import save_compact

CATALOG = Catalog.of({"toy": ToyPlugin()})
LORA = {"r": 2, "targets": ["q_proj", "v_proj"]}
TWO = {
    "glyph": {"encoder": "rows", "decoder": "painter"},
    "other": {"modality": "glyph", "encoder": "rows", "decoder": "painter"},
}
PARTS = ("lora", "signals", "project.glyph", "project.other")
Tensors = dict[str, Tensor]
Edit = Callable[[Tensors], Tensors]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Config]:
    """A system of two channels with adapters, all of it trained."""
    folder = tmp_path_factory.mktemp("trained")
    kit = SystemKit(folder, channels=TWO)
    return folder, kit.trained(llm={"path": f"file:{kit.llm}", "lora": LORA})


def planned(config: Config, folder: Path, **files: str) -> dict[str, str]:
    """What is wrong with the config, each part's file being `files` or else its own; by path."""
    weights = {part: {"source": f"file:{folder}/{part}.safetensors"} for part in PARTS}
    weights |= {part: {"source": f"file:{folder}/{name}"} for part, name in files.items()}
    raw = config.model_dump(mode="json", exclude_defaults=True)
    try:
        make_plan({**raw, "weights": weights}, catalog=CATALOG)
    except PlanError as error:
        return {problem.path: problem.what for problem in error.problems}
    return {}


def without(*names: str) -> Edit:
    return lambda t: {n: v for n, v in t.items() if n not in names}


def renamed(old: str, new: str) -> Edit:
    return lambda t: {n.replace(old, new): v for n, v in t.items()}


def changed(name: str, value: Callable[[Tensor], Tensor]) -> Edit:
    return lambda t: {**t, name: value(t[name])}


def added(name: str, *shape: int) -> Edit:
    return lambda t: {**t, name: torch.zeros(shape)}


def strangers(count: int) -> Edit:
    return lambda t: t | {f"output.more{number}": torch.zeros(2) for number in range(count)}


def cast(dtype: torch.dtype) -> Edit:
    return lambda t: {n: v.to(dtype) for n, v in t.items()}


def emptied(tensors: Tensors) -> Tensors:
    return {}


QUERIES, FC = "output.queries", "output.fc_in.weight"
ROWS, Q_A = "glyph.output", "layers.0.self_attn.q_proj.A"
DAMAGED: list[tuple[str, str, Edit, str]] = [
    ("project.glyph", "one lacking", without(QUERIES), "lacks output.queries"),
    ("project.glyph", "one strange", added("output.more", 2), "holds output.more"),
    ("project.glyph", "four strange", strangers(4), "output.more2 and 1 more"),
    ("project.glyph", "no side at all", added("map.weight", 2), "holds map.weight: no tensor"),
    ("project.glyph", "sides swapped", renamed("output.", "outputs."), "holds outputs."),
    ("project.glyph", "in for out", lambda t: swapped(t), "holds input."),
    ("project.glyph", "renamed inside", renamed("queries", "query"), "lacks output.queries"),
    ("project.glyph", "transposed", changed(FC, lambda t: t.mT.contiguous()), "wanted (16, 32)"),
    ("project.glyph", "flattened", changed(QUERIES, torch.flatten), "wanted (4, 16)"),
    ("project.glyph", "integers", cast(torch.int64), "is of type I64"),
    ("project.glyph", "bytes", cast(torch.int8), "is of type I8"),
    ("project.glyph", "nothing", emptied, "holds no input or output projection"),
    ("signals", "one side", without(ROWS + "2", "glyph.input"), "lacks glyph.input"),
    ("signals", "another width", changed(ROWS, lambda t: t[:, :3].clone()), "wanted (3, 32)"),
    ("signals", "a row less", changed(ROWS, lambda t: t[:2].clone()), "is (2, 32)"),
    ("signals", "a stranger's", added("smell.input", 3, 32), "holds smell.input"),
    ("signals", "a third side", added("glyph.middle", 3, 32), "holds glyph.middle"),
    ("signals", "booleans", cast(torch.bool), "is of type BOOL"),
    ("signals", "nothing", emptied, "holds no rows of glyph, other"),
    ("lora", "half a pair", without(Q_A), f"lacks {Q_A}"),
    ("lora", "a block less", without(Q_A, Q_A[:-1] + "B"), "in 1 of 2 blocks"),
    ("lora", "a block more", lambda t: t | moved(t, "layers.1.", "layers.2."), "block 2"),
    ("lora", "another layer", renamed("v_proj", "k_proj"), "no adapter of a layer that llm.lora"),
    ("lora", "peft's names", renamed(".A", ".lora_A.weight"), "no adapter of a layer"),
    ("lora", "another rank", changed(Q_A, lambda t: t[:1].clone()), "is (1, 32), wanted (2, 32)"),
    ("lora", "another width", changed(Q_A, lambda t: t[:, :9].clone()), "wanted (2, 32)"),
    ("lora", "one renamed", lambda t: renamed(Q_A, Q_A.replace("self_attn", "attn"))(t), "lacks"),
    ("lora", "nothing", emptied, "adapts no q_proj"),
]


def swapped(tensors: Tensors) -> Tensors:
    other = {"input": "output", "output": "input"}
    return {
        f"{other[name.partition('.')[0]]}.{name.partition('.')[2]}": tensor
        for name, tensor in tensors.items()
    }


def moved(tensors: Tensors, old: str, new: str) -> Tensors:
    return {n.replace(old, new): t.clone() for n, t in tensors.items() if n.startswith(old)}


def test_a_whole_system_plans(trained: tuple[Path, Config]) -> None:
    folder, config = trained

    assert planned(config, folder / "trained") == {}


@pytest.mark.parametrize("compact", [False, True], ids=["plain", "compact"])
@pytest.mark.parametrize(
    ("part", "edit", "told"),
    [pytest.param(p, e, t, id=f"{p} {name}") for p, name, e, t in DAMAGED],
)
def test_a_part_that_is_not_itself_is_told(
    trained: tuple[Path, Config], tmp_path: Path, part: str, edit: Edit, told: str, compact: bool
) -> None:
    folder, config = trained
    shutil.copytree(folder / "trained", tmp_path / "new")
    tensors = edit(load_file(folder / "trained" / f"{part}.safetensors"))
    write = save_compact if compact else save_file
    write(tensors, tmp_path / "new" / f"{part}.safetensors")

    problems = planned(config, tmp_path / "new")

    assert told in problems.get(f"weights.{part}", "")
    assert set(problems) == {f"weights.{part}"}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("other", PARTS)
def test_the_file_of_another_part_is_told(
    trained: tuple[Path, Config], part: str, other: str, tmp_path: Path
) -> None:
    folder, config = trained
    shutil.copytree(folder / "trained", tmp_path / "new")
    shutil.copy(folder / "trained" / f"{other}.safetensors", tmp_path / "new" / "copy.safetensors")

    problems = planned(config, tmp_path / "new", **{part: "copy.safetensors"})

    assert (f"weights.{part}" in problems) == (part != other)


def test_one_file_is_not_two_parts(trained: tuple[Path, Config], tmp_path: Path) -> None:
    folder, config = trained
    shutil.copytree(folder / "trained", tmp_path / "new")
    nameless = load_file(folder / "trained" / "project.glyph.safetensors")
    save_file(nameless, tmp_path / "new" / "project.glyph.safetensors")

    problems = planned(config, tmp_path / "new", **{"project.other": "project.glyph.safetensors"})

    assert problems == {"weights.project.other": "names the file that weights.project.glyph names"}


def test_a_file_says_whose_it_is(trained: tuple[Path, Config]) -> None:
    folder, _ = trained
    data = (folder / "trained" / "signals.safetensors").read_bytes()
    length = int.from_bytes(data[:8], "little")

    assert json.loads(data[8 : 8 + length])["__metadata__"][PART] == "signals"


def test_parts_trained_beside_adapters_are_not_loaded_without_them(
    trained: tuple[Path, Config],
) -> None:
    folder, _ = trained

    with pytest.raises(PlanError, match=r"weights\.lora: is not named, and signals was trained"):
        make_plan(folder / "trained", ["weights.lora=null"], catalog=CATALOG)


def test_adapters_are_added_as_strongly_as_they_were_trained(trained: tuple[Path, Config]) -> None:
    folder, _ = trained
    weaker = load_config(folder / "trained", ["llm.lora.alpha=8"], catalog=CATALOG)

    with pytest.raises(PlanError, match=r"lock\.lora_scale: locked 16\.0, found 4\.0"):
        make_plan(weaker, catalog=CATALOG)
    anew = weaker.config.model_copy(update={"weights": {}})

    assert make_plan(replace(weaker, config=anew), catalog=CATALOG).lock is not None


@pytest.mark.parametrize(
    ("overrides", "noted"),
    [
        ([], ""),
        (["modalities.glyph.encoder=null", "lock=null"], "its input side is not loaded"),
        (["modalities.glyph.decoder=null", "lock=null"], "rows of glyph are not loaded"),
        (["modalities.glyph=null"], "weights.project.glyph is not loaded"),
        (["modalities.glyph=null", "lock=null"], "weights.project.glyph is not loaded"),
        (["modalities.glyph=null", "lock=null"], "rows of glyph are not loaded: it is left out"),
        (
            ["modalities.glyph=null", "weights.project.glyph=null", "lock=null"],
            "rows of glyph are not loaded: it is left out",
        ),
    ],
)
def test_sides_and_channels_may_be_left_out(
    trained: tuple[Path, Config], overrides: list[str], noted: str
) -> None:
    folder, _ = trained

    plan = make_plan(folder / "trained", overrides, catalog=CATALOG)

    assert not any(channel.untrained for channel in plan.channels.values())
    assert not noted or any(noted in note for note in plan.notes)


@pytest.mark.parametrize(
    ("left_out", "untrained"),
    [
        ("project.glyph", {"glyph": ("input", "output")}),
        ("signals", {"glyph": ("signals",), "other": ("signals",)}),
    ],
)
def test_a_part_without_weights_is_untrained(
    trained: tuple[Path, Config], left_out: str, untrained: dict[str, tuple[str, ...]]
) -> None:
    loaded = load_config(trained[0] / "trained", catalog=CATALOG)
    weights = {part: w for part, w in loaded.config.weights.items() if part != left_out}
    config = loaded.config.model_copy(update={"weights": weights})

    plan = make_plan(replace(loaded, config=config), catalog=CATALOG)

    assert {name: c.untrained for name, c in plan.channels.items() if c.untrained} == untrained
    assert {p.state for p in plan.parts if p.saved == left_out} == {"new"}
