"""Configs are read from names, files, folders and dicts, with overrides, and told on plainly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nextgpt_registry import Catalog, Config, ConfigError, dump_config, load_config

PLAIN = {"llm": {"path": "file:model"}, "modalities": {"lidar": {"encoder": "patch"}}}


def test_a_shipped_system_is_found_by_name(lidar: Path) -> None:
    loaded = load_config("seer")

    assert loaded.config.name == "seer"
    assert loaded.base == lidar / "systems"


def test_a_file_gives_its_folder_as_base(tmp_path: Path) -> None:
    path = tmp_path / "My System.yaml"
    path.write_text("llm: {path: 'file:model'}")

    loaded = load_config(path)

    assert loaded.base == tmp_path
    assert loaded.config.name == "my-system"


def test_a_saved_folder_is_read_by_its_config(tmp_path: Path) -> None:
    (tmp_path / "nextgpt.yaml").write_text("llm: {path: 'file:model'}")

    assert load_config(tmp_path).base == tmp_path
    assert load_config(str(tmp_path)).config.llm.path == "file:model"


def test_a_name_is_a_system_before_it_is_a_folder(
    lidar: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "seer").mkdir()
    (tmp_path / "seer" / "nextgpt.yaml").write_text("llm: {path: 'file:other'}")
    monkeypatch.chdir(tmp_path)

    assert load_config("seer").config.llm.path == "file:model"
    assert load_config("./seer").config.llm.path == "file:other"


def test_an_unknown_name_lists_the_systems(lidar: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'seer'"):
        load_config("sear")


def test_interpolation_reads_other_keys() -> None:
    shared = {"define": {"place": "cuda:1"}, "llm": {"path": "file:m", "device": "${define.place}"}}

    assert load_config(shared).config.llm.device == "cuda:1"


def test_an_override_inside_of_what_is_shared_changes_one_alone() -> None:
    shared = {"kind": "resampler", "options": {"tokens": 4, "heads": 2}}
    channel = {"encoder": "patch", "input_projection": "${define.shared}"}
    raw = {"define": {"shared": shared}, "modalities": {"one": channel, "other": channel}}
    override = "modalities.one.input_projection.options.tokens=9"

    config = load_config({**PLAIN, **raw}, [override, "define.shared.options.heads=1"]).config

    made = {name: c.input_projection.options for name, c in config.modalities.items()}
    assert made == {"one": {"tokens": 9, "heads": 2}, "other": {"tokens": 4, "heads": 1}}


def test_overrides_reach_into_what_was_written_short() -> None:
    overrides = ["modalities.lidar.encoder.options.layers=3", "generation.temperature=1e-1"]

    config = load_config(PLAIN, overrides).config

    encoder = config.modalities["lidar"].encoder
    assert encoder is not None
    assert (encoder.name, encoder.options) == ("patch", {"layers": 3})
    assert config.generation.temperature == 0.1


def test_another_component_does_not_inherit_options() -> None:
    overrides = ["modalities.lidar.encoder.options.layers=3", "modalities.lidar.encoder=other"]

    encoder = load_config(PLAIN, overrides).config.modalities["lidar"].encoder

    assert encoder is not None
    assert encoder.options == {}


def test_null_takes_a_channel_out() -> None:
    assert load_config(PLAIN, ["modalities.lidar=null"]).config.modalities == {}


def test_overrides_leave_a_config_object_as_it_was() -> None:
    config = load_config(PLAIN).config

    changed = load_config(config, ["llm.dtype=bfloat16"]).config

    assert (config.llm.dtype, changed.llm.dtype) == ("float32", "bfloat16")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"llm": {"path": "m", "dtyp": 1}}, ["llm.dtyp", "did you mean 'dtype'"]),
        ({"lm": 1}, ["llm: is missing", "lm: is no known key", "did you mean 'llm'"]),
        ({"llm": {"path": 3}}, ["llm.path", "found 3"]),
        (
            {**PLAIN, "modalities": {"Depth": {}, "d": {"encoder": {"nam": 1}}}},
            ["modalities.Depth", "lower-case", "modalities.d.encoder.nam", "encoder.name: is miss"],
        ),
        ({**PLAIN, "max_tokens": 5}, ["max_tokens", "did you mean generation.max_tokens?"]),
        ({**PLAIN, "r": 5, "dtype": "float16"}, ["mean llm.lora.r?", "mean llm.dtype?"]),
        ({**PLAIN, "generation": {"top_k": True}}, ["generation.top_k", "a number, found True"]),
        ({**PLAIN, "training": {"one": {"target": "here"}}}, ["training.one.target", "'here'"]),
        ({**PLAIN, "system_prompt": "${nowhere}"}, ["system_prompt", "nowhere"]),
        ({**PLAIN, "system_prompt": "???"}, ["system_prompt"]),
    ],
)
def test_every_wrong_key_is_told_with_its_path(config: dict[str, Any], said: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(config)

    assert not [words for words in said if words not in str(caught.value)]


@pytest.mark.parametrize(
    "override", ["llm", "=3", "a b=3", "llm.path=[1", "llm.path.x=1", "plugins.0=a", "llm..x=1"]
)
def test_an_override_that_cannot_be_applied_is_a_config_error(override: str) -> None:
    with pytest.raises(ConfigError):
        load_config(PLAIN, [override])


@pytest.mark.parametrize("text", ["llm: [", "- a\n- b\n", "", "llm: {path: a}\nllm: {path: b}\n"])
def test_a_file_that_is_no_config_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)

    with pytest.raises(ConfigError, match=r"broken\.yaml"):
        load_config(path)


def test_a_file_of_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes("llm: {path: über}".encode("latin-1"))

    with pytest.raises(ConfigError, match=r"latin\.yaml"):
        load_config(path)


def test_a_system_whose_file_is_not_shipped_is_named(lidar: Path) -> None:
    (lidar / "systems" / "seer.yaml").unlink()

    with pytest.raises(ConfigError, match=r"systems/seer\.yaml"):
        load_config("seer", catalog=Catalog.discover())


names = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
values = st.one_of(
    st.integers(-(10**6), 10**6), st.booleans(), st.floats(-1e6, 1e6), names.map(lambda n: "x" + n)
)


@given(options=st.dictionaries(names, values, max_size=4))
def test_an_override_says_what_a_file_would(options: dict[str, Any]) -> None:
    at = "modalities.lidar.encoder.options"
    overrides = [f"{at}.{name}={value}" for name, value in options.items()]

    config = load_config(PLAIN, overrides).config

    encoder = config.modalities["lidar"].encoder
    assert encoder is not None
    assert encoder.options == options


@given(
    layer=st.integers(-40, 40),
    plugins=st.lists(names, max_size=3),
    channels=st.dictionaries(names, names, max_size=3),
)
def test_what_is_dumped_reads_back_equal(
    layer: int, plugins: list[str], channels: dict[str, str]
) -> None:
    config = Config.model_validate(
        {
            "llm": {"path": "file:model", "layer": layer},
            "plugins": plugins,
            "modalities": {name: {"decoder": decoder} for name, decoder in channels.items()},
        }
    )

    from omegaconf import OmegaConf

    read = OmegaConf.to_container(OmegaConf.create(dump_config(config)))

    assert isinstance(read, dict)
    assert load_config({str(k): v for k, v in read.items()}).config == config


@example(text="(0=")
@given(text=st.text(max_size=30))
def test_no_override_escapes_as_another_error(text: str) -> None:
    try:
        load_config(PLAIN, [text])
    except ConfigError:
        return
