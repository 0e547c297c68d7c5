"""A config that extends another says what is different, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from nextgpt_registry import Catalog, Config, ConfigError, PlanError, dump_config, load_config
from nextgpt_registry.cli import main
from nextgpt_registry.plan import make_plan

BASE = """
name: base
define: {small: {kind: resampler, options: {tokens: 4, depth: 1}}}
llm: {path: "file:model", sha256: "1111", dtype: float16, lora: {r: 2}}
plugins: ["lidar>=0.1", image]
modalities:
  lidar:
    encoder: {name: patch, options: {layers: 3, stride: 2}, device: "cuda:1"}
    input_projection: ${define.small}
  other: {modality: lidar, encoder: patch, input_projection: "${define.small}"}
weights:
  project.lidar: {source: "file:parts/lidar.safetensors", sha256: "2222"}
  signals: {source: "file:parts/signals.safetensors"}
generation: {temperature: 0.5, stop: [a, b]}
training: {decode: {target: "one:data", options: {stage: x}, run: {steps: 3, lr: 0.1}}}
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "base").mkdir()
    path = tmp_path / "base" / "base.yaml"
    path.write_text(BASE)
    return path


def extending(base: Path, text: str, name: str = "mine.yaml") -> Config:
    """What a file beside the base's folder says, with `text` in it."""
    path = base.parents[1] / name
    path.write_text(f"extends: base/base.yaml\n{text}")
    return load_config(path).config


def test_what_is_not_said_is_the_bases(base: Path) -> None:
    whole, config = load_config(base).config, extending(base, "")

    assert config.name == "mine"
    assert config.modalities == whole.modalities
    assert config.generation == whole.generation
    assert config.training == whole.training


def test_maps_merge_and_lists_replace(base: Path) -> None:
    config = extending(base, "generation: {stop: [c], seed: 4}\nplugins: [depth]")

    assert config.generation.temperature == 0.5
    assert (config.generation.stop, config.generation.seed) == (("c",), 4)
    assert config.plugins == ("depth",)


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("modalities: {other: null}", "modalities.other"),
        ("weights: {project.lidar: null}", "weights.project.lidar"),
        ("llm: {lora: null}", "llm.lora"),
        ("training: {decode: null}", "training.decode"),
        ("modalities: {lidar: {encoder: {options: {layers: null}}}}", "encoder.options.layers"),
        ("generation: null", "generation"),
        ("define: {unused: 1}\nmodalities: {lidar: {input_projection: null}}", "input_projection"),
    ],
)
def test_null_removes(base: Path, text: str, gone: str) -> None:
    before = yaml.safe_load(dump_config(load_config(base).config))

    after = yaml.safe_load(dump_config(extending(base, text)))

    assert gone in "\n".join(_paths(before))
    lost = [path for path in _paths(before) if path not in set(_paths(after))]
    assert lost
    assert all(gone in path for path in lost)


def _paths(value: Any, at: str = "") -> list[str]:
    if not isinstance(value, dict):
        return [at]
    return [path for key, inner in value.items() for path in _paths(inner, f"{at}.{key}")]


def test_a_reference_is_merged_into_where_it_stands_alone(base: Path) -> None:
    text = "modalities: {lidar: {input_projection: {options: {tokens: 9}}}}"

    channels = extending(base, text).modalities

    assert channels["lidar"].input_projection.options == {"tokens": 9, "depth": 1}
    assert channels["other"].input_projection.options == {"tokens": 4, "depth": 1}


def test_what_the_base_defines_may_be_used_and_changed(base: Path) -> None:
    text = "define: {small: {options: {tokens: 7}}}\nmodalities: {new: {modality: lidar, encoder: "
    text += 'patch, input_projection: "${define.small}"}}'

    channels = extending(base, text).modalities

    assert {c.input_projection.options["tokens"] for c in channels.values()} == {7}


@pytest.mark.parametrize("said", ["far", "{name: far}"])
def test_another_component_does_not_inherit_options(base: Path, said: str) -> None:
    encoder = extending(base, f"modalities: {{lidar: {{encoder: {said}}}}}").modalities["lidar"]

    assert encoder.encoder is not None
    assert encoder.encoder.model_dump(exclude_defaults=True) == {"name": "far"}


def test_pins_and_options_go_with_what_they_were_said_of(base: Path) -> None:
    config = extending(
        base,
        'llm: {path: "file:other"}\n'
        'weights: {project.lidar: {source: "file:mine.safetensors"}}\n'
        'training: {decode: {target: "two:data"}}',
    )

    assert (config.llm.sha256, config.llm.dtype) == (None, "float16")
    assert config.weights["project.lidar"].sha256 is None
    assert config.training["decode"].options == {}


def test_paths_are_relative_to_the_file_that_says_them(base: Path) -> None:
    there = base.parent

    config = extending(base, 'weights: {signals: {source: "file:mine.safetensors"}}')

    assert config.llm.path == f"file:{there / 'model'}"
    assert config.weights["project.lidar"].source == f"file:{there}/parts/lidar.safetensors"
    assert config.weights["signals"].source == "file:mine.safetensors"  # beside the file itself


def test_a_chain_is_followed_and_told(base: Path) -> None:
    extending(base, "generation: {seed: 1}", "second.yaml")
    path = base.parents[1] / "third.yaml"
    path.write_text("extends: ./second.yaml\ngeneration: {max_tokens: 9}")

    loaded = load_config(path, ["generation.seed=2"])

    generation = loaded.config.generation
    assert (generation.max_tokens, generation.seed, generation.temperature) == (9, 2, 0.5)
    assert [told.split(" ")[0] for told in loaded.extends] == ["./second.yaml", "base/base.yaml"]


def test_a_circle_is_refused(base: Path) -> None:
    base.write_text(f"extends: ../mine.yaml\n{BASE}")

    with pytest.raises(ConfigError, match=r"leads back(.|\n)*mine\.yaml -> base/base\.yaml -> "):
        extending(base, "")


def test_a_config_that_extends_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("extends: mine.yaml")

    with pytest.raises(ConfigError, match="leads back to where it came from"):
        load_config(tmp_path / "mine.yaml")


def test_a_chain_too_long_is_refused(tmp_path: Path) -> None:
    for n in range(20):
        (tmp_path / f"{n}.yaml").write_text(f"extends: {n + 1}.yaml")
    (tmp_path / "20.yaml").write_text(BASE)

    with pytest.raises(ConfigError, match="more than 16 configs extend one another"):
        load_config(tmp_path / "0.yaml")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("nowhere", "is declared by none of the loaded plugins"),
        ("base/other.yaml", "is no file, folder or shipped system"),
        ("base", "has no nextgpt.yaml"),
        ("[base/base.yaml]", "name one system, YAML file or saved folder"),
        ("''", "name one system, YAML file or saved folder"),
        ("3", "name one system, YAML file or saved folder"),
    ],
)
def test_what_cannot_be_extended_is_told(base: Path, said: str, told: str) -> None:
    path = base.parents[1] / "mine.yaml"
    path.write_text(f"extends: {said}")

    with pytest.raises(ConfigError, match=told) as caught:
        load_config(path)

    assert "mine.yaml: extends" in caught.value.who


def test_an_override_cannot_change_what_is_extended(base: Path) -> None:
    with pytest.raises(ConfigError, match="overrides come after"):
        load_config(base, ["extends=seer"])


def test_a_wrong_value_is_told_with_the_file_that_says_it(base: Path) -> None:
    base.write_text(BASE.replace("dtype: float16", "dtyp: float16"))

    with pytest.raises(ConfigError) as caught:
        extending(base, "generation: {seed: many}")

    assert f"llm.dtyp (in base/base.yaml ({base}))" in str(caught.value)
    assert f"generation.seed (in {base.parents[1] / 'mine.yaml'})" in str(caught.value)


@pytest.mark.parametrize(
    ("said", "plugins"),
    [
        ("[+depth]", ("lidar>=0.1", "image", "depth")),
        ("['+depth>=1', boxes]", ("lidar>=0.1", "image", "depth>=1", "boxes")),
        ("[+lidar, +image]", ("lidar>=0.1", "image")),
        ("['+lidar>=0.2']", ("lidar>=0.2", "image")),
        ("[]", ()),
    ],
)
def test_plugins_are_added_with_a_plus(base: Path, said: str, plugins: tuple[str, ...]) -> None:
    assert extending(base, f"plugins: {said}").plugins == plugins
    assert load_config(base, [f"plugins={said}"]).config.plugins == plugins


def test_a_plus_needs_nothing_before_it() -> None:
    assert load_config({"llm": {"path": "file:m"}, "plugins": ["+depth"]}).config.plugins == (
        "depth",
    )


def test_a_channel_of_another_plugin_takes_six_lines(lidar: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "extends: seer\n"
        "plugins: [+lidar]\n"
        "modalities:\n"
        "  far:\n"
        "    modality: lidar\n"
        "    encoder: patch\n"
    )

    plan = make_plan(tmp_path / "mine.yaml")

    assert list(plan.channels) == ["lidar", "far"]
    assert plan.extends == (f"seer ({lidar}/systems/seer.yaml)",)
    assert plan.config.llm.path == "package:nextgpt-lidar/nextgpt_lidar/systems/model"


def test_a_list_that_replaces_plugins_that_are_needed_says_how_to_add(
    lidar: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text("extends: seer\nplugins: [image]")
    (tmp_path / "blind.yaml").write_text(
        "extends: seer\nplugins: [image]\nmodalities: {lidar: null, image: {encoder: clip-vit-l}}"
    )

    with pytest.raises(PlanError) as lost:
        make_plan(tmp_path / "mine.yaml")
    with pytest.raises(PlanError) as unneeded:
        make_plan(tmp_path / "blind.yaml")

    assert "leaves out lidar, which channels need" in str(lost.value)
    assert "write `plugins: [+image]`" in str(lost.value)
    assert "leaves out" not in str(unneeded.value)


def test_a_plan_says_what_is_extended_and_where_a_problem_is(
    lidar: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.yaml").write_text("extends: seer\nmodalities: {lidar: {decoder: reliff}}")
    (tmp_path / "good.yaml").write_text("extends: seer")

    with pytest.raises(PlanError, match=r"decoder\.name \(in \S+mine\.yaml\)"):
        make_plan(tmp_path / "mine.yaml")
    with pytest.raises(SystemExit):
        main(["plan", str(tmp_path / "good.yaml")])

    assert f"extends     seer ({lidar}" in capsys.readouterr().out


def test_a_dict_extends_from_the_working_folder(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(base.parent)

    loaded = load_config({"extends": "base.yaml", "generation": {"seed": 3}})

    assert (loaded.config.name, loaded.config.generation.seed) == ("base", 3)
    assert loaded.config.llm.path == f"file:{base.parent / 'model'}"


def test_what_is_dumped_extends_nothing(base: Path) -> None:
    config = extending(base, "generation: {seed: 3}")

    text = dump_config(config)

    assert "extends:" not in text
    assert load_config(yaml.safe_load(text)).config == config


def test_a_saved_folder_is_extended_with_its_lock(tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "nextgpt.yaml").write_text(f"{BASE}lock: nextgpt.lock.json\n")
    (tmp_path / "mine.yaml").write_text("extends: ./saved")

    config = load_config(tmp_path / "mine.yaml", catalog=Catalog.of({})).config

    assert config.lock == str(tmp_path / "saved" / "nextgpt.lock.json")
    assert config.weights["signals"].source == f"file:{tmp_path}/saved/parts/signals.safetensors"
