"""Channels for a trained system: what stays bit for bit, and what is trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from nextgpt_core import GeneratedMedia, Pipeline, Text
from nextgpt_core.assembly.weights import load_compact
from nextgpt_core.testing import glyph
from nextgpt_core.training.adding import AdditionResult
from nextgpt_registry import Catalog, Media, MediaPart, TrainingError, read_lock
from nextgpt_registry.configfile import load_config
from nextgpt_registry.fetch.cache import sha256_of

Train = Callable[..., AdditionResult]


def answers(folder: Path, catalog: Catalog, **require: int) -> list[Any]:
    """What a system says and makes, asked in the channels that every system here has."""
    found: list[Any] = []
    with Pipeline.from_pretrained(folder, catalog=catalog) as pipeline:
        for seed in range(4):
            asked = ["Draw ", glyph(seed), "again, " * seed]
            answer = pipeline.chat(asked, seed=seed, require=require)
            for part in answer.parts:
                found.append(part.text if isinstance(part, Text) else (part.channel, made(part)))
    return found


def made(part: Any) -> bytes:
    assert isinstance(part, GeneratedMedia)
    data: bytes = part.media.data.tobytes()
    return data


def tensors_equal(one: Path, two: Path) -> bool:
    first, second = load_compact(one), load_compact(two)
    return first.keys() == second.keys() and all(torch.equal(first[n], second[n]) for n in first)


def test_what_was_there_stays_bit_for_bit(base: Path, adding: Train) -> None:
    added = adding("mark")

    before, after = load_config(base).config, load_config(added.folder).config
    for part in ("lora", "project.glyph"):
        assert after.weights[part].sha256 == before.weights[part].sha256
        assert sha256_of(added.folder / f"{part}.safetensors") == before.weights[part].sha256
    old = load_compact(base / "signals.safetensors")
    new = load_compact(added.folder / "signals.safetensors")
    for run in added.runs:  # nothing of it moved in between, either
        assert torch.equal(run.parts["signals"]["glyph.input"], old["glyph.input"])
        for part in ("lora", "project.glyph"):
            own = load_compact(base / f"{part}.safetensors")
            assert own
            assert all(torch.equal(run.parts[part][name], own[name]) for name in own)
    assert set(new) == {f"{c}.{side}" for c in ("glyph", "mark") for side in ("input", "output")}
    assert torch.equal(new["glyph.input"], old["glyph.input"])
    blocks = read_lock(added.folder / "nextgpt.lock.json").signals.blocks
    assert blocks[:1] == read_lock(base / "nextgpt.lock.json").signals.blocks
    assert (blocks[1].channel, blocks[1].first) == ("mark", blocks[0].first + blocks[0].count)


def test_the_new_channel_is_trained_in_all_its_parts(base: Path, adding: Train) -> None:
    moved = adding("mark", out="moved", exact=True).folder
    lr = [f"training.mark-{s}.run.{k}" for s in ("encode", "decode") for k in ("lr=1e-30",)]
    still = adding("mark", *lr, out="still", exact=True).folder

    name = "project.mark.safetensors"
    before, after = load_compact(still / name), load_compact(moved / name)
    sides = {n.partition(".")[0] for n, t in after.items() if not torch.equal(t, before[n])}
    rows = [load_compact(f / "signals.safetensors")["mark.input"] for f in (still, moved)]
    assert sides == {"input", "output"}
    assert not torch.equal(*rows)


def test_answers_in_the_old_channels_are_the_same(
    base: Path, adding: Train, catalog: Catalog
) -> None:
    new = adding("mark").folder

    for count in (0, 2):
        before = answers(base, catalog, glyph=count)
        assert answers(new, catalog, glyph=count) == before
        assert len([part for part in before if isinstance(part, tuple)]) >= 4 * count


def test_channels_added_separately_go_together(
    base: Path, adding: Train, catalog: Catalog, tmp_path: Path
) -> None:
    mark = adding("mark", out="one").folder
    sketch = adding(tmp_path / "sketch.yaml", out="two").folder

    both = adding(sketch, to=mark, out="both")

    assert both.channels == ("sketch",)
    assert both.runs == ()
    signals = load_compact(both.folder / "signals.safetensors")
    for folder, channel in ((base, "glyph"), (mark, "mark"), (sketch, "sketch")):
        part = f"project.{channel}.safetensors"
        own = load_compact(folder / "signals.safetensors")[f"{channel}.input"]
        assert torch.equal(signals[f"{channel}.input"], own)
        assert tensors_equal(both.folder / part, folder / part)
    with Pipeline.from_pretrained(both.folder, catalog=catalog) as pipeline:
        asked = ["Both of ", MediaPart("mark", Media("mark", glyph(1).data))]
        answer = pipeline.chat(asked, require={"mark": 1, "sketch": 1})
        kinds = {(part.channel, part.media.modality) for part in answer.media}
        assert {("mark", "mark"), ("sketch", "glyph")} <= kinds
    assert answers(both.folder, catalog) == answers(base, catalog)


def test_a_second_addition_may_also_be_trained_on_top(
    base: Path, adding: Train, tmp_path: Path
) -> None:
    mark = adding("mark", out="one").folder

    added = adding(tmp_path / "sketch.yaml", to=mark, out="two")

    assert [run.folder.name for run in added.runs] == ["sketch-decode"]
    assert sha256_of(added.folder / "project.mark.safetensors") == sha256_of(
        mark / "project.mark.safetensors"
    )
    assert load_config(added.folder).config.name == "kit-mark-sketch"


def test_a_killed_addition_goes_on_to_the_same_system(
    adding: Train, asked: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = adding("mark", out="whole")
    monkeypatch.setattr(asked, "dies_at", 8)
    with pytest.raises(TrainingError, match="RuntimeError: killed"):
        adding("mark", out="killed")
    left = tmp_path / "killed"
    assert (left / "runs" / "mark-encode" / "state.pt").is_file()
    assert not (left / "nextgpt.yaml").exists()
    monkeypatch.undo()
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))

    resumed = adding("mark", out="killed")

    files = {path.name for path in whole.folder.glob("*.*")}
    assert {path.name for path in resumed.folder.glob("*.*")} == files
    for name in files:
        assert (resumed.folder / name).read_bytes() == (whole.folder / name).read_bytes()


def test_a_finished_addition_may_be_asked_for_again(adding: Train) -> None:
    first = adding("mark").folder
    before = {path.name: path.read_bytes() for path in first.glob("*.*")}

    again = adding("mark").folder

    assert {path.name: path.read_bytes() for path in again.glob("*.*")} == before


def shipped(mark: dict[str, Any], tmp_path: Path, trained: Path) -> None:
    """Let the plugin ship the parts that were trained."""
    package = tmp_path / "site" / "marks"
    for name in ("project.mark.safetensors", "signals.safetensors", "nextgpt.lock.json"):
        (package / name).write_bytes((trained / name).read_bytes())
    weights = {n: {"source": f"file:{n}.safetensors"} for n in ("project.mark", "signals")}
    ready = {**mark, "weights": weights, "lock": "nextgpt.lock.json"}
    (package / "addition.yaml").write_text(yaml.safe_dump(ready))


def test_trained_parts_that_a_plugin_ships_are_taken_where_they_fit(
    adding: Train, mark: dict[str, Any], tmp_path: Path
) -> None:
    trained = adding("mark", out="trained").folder
    shipped(mark, tmp_path, trained)

    taken = adding("mark", out="taken")

    assert (taken.runs, taken.unfit) == ((), ())
    assert tensors_equal(
        taken.folder / "project.mark.safetensors", trained / "project.mark.safetensors"
    )
    assert len(adding("mark", out="fresh", fresh=True).runs) == 2


def test_trained_parts_that_do_not_fit_are_told_and_trained_anew(
    adding: Train, mark: dict[str, Any], other: Path, tmp_path: Path
) -> None:
    shipped(mark, tmp_path, adding("mark", out="trained").folder)

    added = adding("mark", to=other)

    assert [difference.path for difference in added.unfit] == ["weights.lora"]
    assert len(added.runs) == 2
