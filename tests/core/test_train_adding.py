"""Channels for a trained system: what stays bit for bit, what is trained, what is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
import yaml

from nextgpt_core import Made, Pipeline, Text
from nextgpt_core.testing import SystemKit, ToyPlugin, glyph
from nextgpt_core.testing.toy import MANIFEST
from nextgpt_core.testing.toy_parts import Painter
from nextgpt_core.train.adding import Added, add
from nextgpt_core.train.settings import stage_of
from nextgpt_core.weights import load_compact
from nextgpt_registry import (
    Catalog,
    ConfigError,
    LockError,
    Manifest,
    Media,
    MediaPart,
    Modality,
    NextGPTError,
    PlanError,
    PluginError,
    TrainingError,
    Turn,
    hookimpl,
    read_lock,
)
from nextgpt_registry.additions import find_offer, join
from nextgpt_registry.cache import sha256_of
from nextgpt_registry.configfile import load_config
from nextgpt_registry.plan import make_plan
from nextgpt_registry.specs import Addition

WORDS = ("cat", "drum", "blue", "a bell", "two dogs")
RUN = {"steps": 4, "batch": 4, "window": 2, "lr": 0.01, "log_every": 1, "samples": 0, "save_s": 0}
RUN |= {"validate_on": 2, "workers": 0}
QUERY = {"kind": "query", "options": {"width": 16, "layers": 1, "heads": 2, "ffn": 32}}


class Asked:
    """Dialogues without an end: a medium of a channel is asked about, then asked for."""

    dies_at = 1 << 60

    def __init__(self, channel: str, modality: str = "glyph") -> None:
        self.channel, self.modality = channel, modality

    def __getitem__(self, number: int) -> Sequence[Turn]:
        if self.dies_at <= number < 1 << 40:
            raise RuntimeError("killed")
        rng = Random(number)
        word, media = rng.choice(WORDS), Media(self.modality, glyph(rng.randrange(4)).data)
        part = MediaPart(self.channel, media, caption=word)
        if number % 2 and self.channel != "sketch":
            return Turn("user", (part, "What is it?")), Turn("assistant", (f"It is {word}.",))
        asked = f"Give me a {self.channel} of {word}."
        return Turn("user", (asked,)), Turn("assistant", ("Here you are: ", part))


class Marker(Painter):
    """Paints marks."""

    def decode(self, conditions: Any, **given: Any) -> list[Media]:
        return [Media("mark", media.data) for media in super().decode(conditions, **given)]


class MarkPlugin:
    """A modality of its own, in and out, and what it adds to a system."""

    @hookimpl
    def nextgpt_manifest(self) -> Manifest:
        [encoder], [decoder] = MANIFEST.encoders, MANIFEST.decoders
        mark = {"modality": "mark"}
        return Manifest(
            summary="marks",
            license="MIT",
            modalities=(Modality(name="mark", summary="m", mime=("x/mark",), suffixes=(".mark",)),),
            encoders=(encoder.model_copy(update=mark | {"licence": "CC-BY-4.0"}),),
            decoders=(
                decoder.model_copy(update=mark | {"target": f"{__name__}:Marker", "takes": ()}),
            ),
            additions=(
                Addition(name="mark", summary="marks in and out", config="marks:addition.yaml"),
            ),
        )


MARK = {
    "modalities": {"mark": {"encoder": "rows", "decoder": "painter", "output_projection": QUERY}},
    "training": {
        "encode": {
            "target": f"{__name__}:Asked",
            "options": {"channel": "mark", "modality": "mark"},
            "run": RUN,
        },
        "decode": {
            "target": f"{__name__}:Asked",
            "options": {"channel": "mark", "modality": "mark"},
            "run": RUN,
        },
    },
}
SKETCH = {
    "modalities": {
        "sketch": {"modality": "glyph", "decoder": "painter", "output_projection": QUERY}
    },
    "training": {
        "decode": {
            "target": f"{__name__}:Asked",
            "options": {"channel": "sketch"},
            "run": RUN,
        }
    },
}
CATALOG = Catalog.of({"toy": ToyPlugin(), "marks": MarkPlugin()})
Train = Callable[..., Added]


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A saved system that has adapters, a channel and data, none of it at its start."""
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path / "cache"))
    package = tmp_path / "site" / "marks"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "addition.yaml").write_text(yaml.safe_dump(MARK))
    (tmp_path / "sketch.yaml").write_text(yaml.safe_dump(SKETCH))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return saved_base(tmp_path, tmp_path / "base")


def saved_base(folder: Path, out: Path, seed: int = 0) -> Path:
    kit = SystemKit(folder)
    data = {"target": f"{__name__}:Asked", "options": {"channel": "glyph"}, "run": RUN}
    lora = {"r": 2, "targets": ["q_proj", "v_proj"]}
    builder = kit.builder.llm(kit.llm, lora=lora).set(training={"instruct": data})
    with builder.build() as pipeline:
        model = pipeline.system.model
        torch.manual_seed(seed)
        state = model.state_by_part()
        model.rows.load({n: t + 0.01 * torch.randn_like(t) for n, t in state["signals"].items()})
        model.backbone.merged_lora = {
            n: 0.1 * torch.randn_like(t) for n, t in state["lora"].items()
        }
        return pipeline.save(out)


@pytest.fixture
def adding(base: Path, tmp_path: Path) -> Train:
    """Adds an offer to a system, the `base` by default, and writes the new one to `out`."""

    def adding(
        offer: str | Path, *given: str, to: Path = base, out: str = "new", **how: Any
    ) -> Added:
        joined = join(load_config(to), find_offer(str(offer), catalog=CATALOG))
        return add(joined.overridden(given), CATALOG, out=tmp_path / out, **how)

    return adding


def answers(folder: Path, **require: int) -> list[Any]:
    """What a system says and makes, asked in the channels that every system here has."""
    found: list[Any] = []
    with Pipeline.from_pretrained(folder, catalog=CATALOG) as pipeline:
        for seed in range(4):
            asked = ["Draw ", glyph(seed), "again, " * seed]
            answer = pipeline.chat(asked, seed=seed, require=require)
            for part in answer.parts:
                found.append(part.text if isinstance(part, Text) else (part.channel, made(part)))
    return found


def made(part: Any) -> bytes:
    assert isinstance(part, Made)
    data: bytes = part.media.data.tobytes()
    return data


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
    assert set(new) == {"glyph.input", "mark.input"}
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


def test_answers_in_the_old_channels_are_the_same(base: Path, adding: Train) -> None:
    new = adding("mark").folder

    for count in (0, 2):
        before = answers(base, glyph=count)
        assert answers(new, glyph=count) == before
        assert len([part for part in before if isinstance(part, tuple)]) >= 4 * count


def test_channels_added_separately_go_together(base: Path, adding: Train, tmp_path: Path) -> None:
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
    with Pipeline.from_pretrained(both.folder, catalog=CATALOG) as pipeline:
        asked = ["Both of ", MediaPart("mark", Media("mark", glyph(1).data))]
        answer = pipeline.chat(asked, require={"mark": 1, "sketch": 1})
        kinds = {(part.channel, part.media.modality) for part in answer.media}
        assert {("mark", "mark"), ("sketch", "glyph")} <= kinds
    assert answers(both.folder) == answers(base)


def tensors_equal(one: Path, two: Path) -> bool:
    first, second = load_compact(one), load_compact(two)
    return first.keys() == second.keys() and all(torch.equal(first[n], second[n]) for n in first)


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
    adding: Train, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = adding("mark", out="whole")
    monkeypatch.setattr(Asked, "dies_at", 8)
    with pytest.raises(RuntimeError, match="killed"):
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


def test_a_plan_shows_what_is_added_and_its_licence(base: Path) -> None:
    joined = join(load_config(base), find_offer("mark", catalog=CATALOG))

    parts = {p.name: p for p in make_plan(joined.loaded, catalog=CATALOG).parts}

    assert parts["mark.encoder"].licence == "CC-BY-4.0"
    assert parts["mark.input"].state == "new"
    assert parts["glyph.input"].state == "here"


def test_half_of_the_dialogues_are_the_systems_own_where_signals_are_learned(base: Path) -> None:
    config = join(load_config(base), find_offer("mark", catalog=CATALOG)).loaded.config

    shares = {s: stage_of(config, s)[1].rehearsal for s in ("mark-encode", "mark-decode")}

    assert shares == {"mark-encode": 0.0, "mark-decode": 0.5}
    assert stage_of(config, "mark-decode")[1].parts == ("output", "signals")


def test_relative_sources_of_both_sides_are_found_from_the_new_folder(
    adding: Train, tmp_path: Path
) -> None:
    parts = tmp_path / "site" / "marks" / "lexicon.bin"
    parts.write_bytes(b"x")
    there = {"source": "file:lexicon.bin"}
    path = tmp_path / "site" / "marks" / "addition.yaml"
    mark = {**MARK, "suites": {"marks": {"target": f"{__name__}:Asked", "options": there}}}
    path.write_text(yaml.safe_dump(mark))

    config = load_config(adding("mark").folder).config

    assert config.suites["marks"].options["source"] == f"file:{parts}"
    assert config.llm.path == f"file:{tmp_path / 'tiny-llm'}"
    assert config.plugins == ("toy", "marks")


def shipped(tmp_path: Path, trained: Path) -> None:
    """Let the plugin ship the parts that were trained."""
    package = tmp_path / "site" / "marks"
    for name in ("project.mark.safetensors", "signals.safetensors", "nextgpt.lock.json"):
        (package / name).write_bytes((trained / name).read_bytes())
    weights = {n: {"source": f"file:{n}.safetensors"} for n in ("project.mark", "signals")}
    ready = {**MARK, "weights": weights, "lock": "nextgpt.lock.json"}
    (package / "addition.yaml").write_text(yaml.safe_dump(ready))


def test_trained_parts_that_a_plugin_ships_are_taken_where_they_fit(
    adding: Train, tmp_path: Path
) -> None:
    trained = adding("mark", out="trained").folder
    shipped(tmp_path, trained)

    taken = adding("mark", out="taken")

    assert (taken.runs, taken.unfit) == ((), ())
    assert tensors_equal(
        taken.folder / "project.mark.safetensors", trained / "project.mark.safetensors"
    )
    assert len(adding("mark", out="fresh", fresh=True).runs) == 2


def test_trained_parts_that_do_not_fit_are_told_and_trained_anew(
    adding: Train, tmp_path: Path
) -> None:
    shipped(tmp_path, adding("mark", out="trained").folder)
    other = saved_base(tmp_path, tmp_path / "other", seed=1)

    added = adding("mark", to=other)

    assert [difference.path for difference in added.unfit] == ["weights.lora"]
    assert len(added.runs) == 2


def test_channels_of_a_system_on_other_adapters_are_refused(adding: Train, tmp_path: Path) -> None:
    other = saved_base(tmp_path, tmp_path / "other", seed=1)
    mark = adding("mark", to=other, out="one").folder

    with pytest.raises(LockError, match=r"weights\.lora: locked"):
        adding(mark)
    assert not (tmp_path / "new").exists()


def test_another_addition_in_the_same_folder_is_refused(adding: Train, tmp_path: Path) -> None:
    adding("mark")

    with pytest.raises(ConfigError, match="holds mark added to kit, and not the same: channels"):
        adding(tmp_path / "sketch.yaml")


def test_a_folder_that_holds_something_else_is_left_alone(adding: Train, tmp_path: Path) -> None:
    mine = tmp_path / "new" / "thesis.txt"
    mine.parent.mkdir()
    mine.write_text("years of work")

    with pytest.raises(ConfigError, match="holds something other than this addition"):
        adding("mark")
    assert mine.read_text() == "years of work"


def test_adapters_are_never_trained_with_a_channel(adding: Train, base: Path) -> None:
    with pytest.raises(TrainingError, match="trains some channels alone, and `lora`"):
        adding("mark", "training.mark-encode.run.parts=[input,lora]")


@pytest.mark.parametrize(
    ("offer", "error", "told"),
    [
        ("mrak", PluginError, "did you mean 'mark'"),
        ("toy", PluginError, "this plugin offers nothing to add to a system"),
        ("no/such.yaml", ConfigError, "is no addition, file or folder"),
        ("{base}", ConfigError, "has no channel that kit lacks"),
        ("{tmp}/glyph.yaml", ConfigError, "the system has a channel glyph already"),
        ("{tmp}/wrong.yaml", ConfigError, "modalites: is no known key"),
        ("{tmp}/mute.yaml", TrainingError, "nor data to train sketch"),
        ("{tmp}/foreign.yaml", ConfigError, "names glyph, which is not added"),
        ("{tmp}/unlocked.yaml", ConfigError, "no lock that says what they fit"),
        ("{tmp}/strange.yaml", PlanError, "'strange'"),
    ],
)
def test_what_is_wrong_is_told(
    base: Path, adding: Train, tmp_path: Path, offer: str, error: type[NextGPTError], told: str
) -> None:
    sketch = SKETCH["modalities"]
    run = {"decode": {"target": "a:b", "run": {"channels": ["glyph"]}}}
    weights = {"project.sketch": {"source": "file:x"}}
    for name, content in {
        "glyph": {"modalities": {"glyph": {"encoder": "rows"}}},
        "wrong": {"modalites": {}},
        "mute": {"modalities": sketch},
        "foreign": {"modalities": sketch, "training": run},
        "unlocked": {"modalities": sketch, "weights": weights},
        "strange": {"modalities": {"strange": {"encoder": "rows"}}},
    }.items():
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content))

    with pytest.raises(error, match=told):
        adding(offer.format(base=base, tmp=tmp_path))
    assert not (tmp_path / "new").exists()
