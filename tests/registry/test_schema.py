"""The JSON Schema of a config: it takes what the config takes, and refuses what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from nextgpt_registry import Catalog, ConfigError, load_config
from nextgpt_registry.schema import config_schema
from nextgpt_registry.targets import package_file

SYSTEMS = Catalog.discover().systems
GOOD = """
name: good
llm: {path: "file:model", lora: {r: 8}, facts: "${define.facts}"}
plugins: [depth]
define:
  facts: {family: llama, parameters: 5, width: 4, layers: 1, vocabulary: 9, tied: true, context: 8}
  steps: 30
modalities:
  depth: {encoder: patch, input_projection: linear, decoder: {name: relief, route: caption}}
  found: {modality: depth, input_projection: {kind: resampler, options: {tokens: 4}}}
  gone: null
weights: {project.depth: {source: "file:depth.safetensors", bytes: 12}}
generation: {temperature: 0.7, stop: ["\\n"]}
training: {decode: {target: "my_data:pairs", run: {steps: "${define.steps}"}}}
"""
WRONG = {
    "a misspelt key": "generation: {temprature: 0.7}",
    "a misspelt key of a channel": "modalities: {depth: {encodr: patch}}",
    "a misspelt key of an encoder": "modalities: {depth: {encoder: {nam: patch}}}",
    "a missing name": "modalities: {depth: {encoder: {options: {}}}}",
    "no such kind": "modalities: {depth: {input_projection: linaer}}",
    "an option of another kind": (
        "modalities: {depth: {input_projection: {kind: linear, options: {tokens: 4}}}}"
    ),
    "a route there is not": "modalities: {depth: {decoder: {name: relief, route: words}}}",
    "a number out of range": "generation: {top_p: 1.5}",
    "a text for a number": "generation: {seed: many}",
    "a text for a list": "plugins: depth",
    "no signals": "modalities: {depth: {signals: 0}}",
    "a name with a capital": "name: Good",
    "a channel's name with a space": "modalities: {my depth: {encoder: patch}}",
    "a target without a name": "suites: {all: {target: my_suites}}",
    "a weight without a source": "weights: {project.depth: {sha256: abc}}",
    "no language model": "llm: null",
}


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    found = config_schema()
    Draft202012Validator.check_schema(found)
    return Draft202012Validator(found)


def config(changed: str = "") -> dict[str, Any]:
    return {**yaml.safe_load(GOOD), **yaml.safe_load(changed or "{}")}


def test_every_way_to_write_a_config_is_accepted(schema: Draft202012Validator) -> None:
    assert load_config(config()).config.training["decode"].run == {"steps": 30}
    assert not [error.message for error in schema.iter_errors(config())]


@pytest.mark.parametrize("name", sorted(SYSTEMS))
def test_a_shipped_system_is_accepted(schema: Draft202012Validator, name: str) -> None:
    written = yaml.safe_load(package_file(SYSTEMS[name].config).read_text("utf-8"))

    assert not [f"{error.json_path}: {error.message}" for error in schema.iter_errors(written)]


@pytest.mark.parametrize("name", [n for n in WRONG if n != "an option of another kind"])
def test_what_a_config_refuses_the_schema_refuses(schema: Draft202012Validator, name: str) -> None:
    wrong = config(WRONG[name])

    if name != "no such kind":  # the plan's to say
        with pytest.raises(ConfigError):
            load_config(wrong)
    assert not schema.is_valid(wrong)


def test_an_option_of_another_kind_is_refused_before_the_plan(
    schema: Draft202012Validator,
) -> None:
    assert not schema.is_valid(config(WRONG["an option of another kind"]))


@pytest.mark.parametrize(
    "changed",
    [
        "plugins: [+depth]",
        "modalities: {depth: {decoder: {options: {steps: 4}}}, image: null}",
        "llm: {lora: null, dtype: bfloat16}",
        "weights: {project.image: null}",
        "training: {decode: {run: {steps: 3}}}",
        "generation: {top_k: null}",
    ],
)
def test_a_file_that_extends_another_need_say_nothing_twice(
    schema: Draft202012Validator, changed: str
) -> None:
    over = {"extends": "mini", **yaml.safe_load(changed)}

    assert not [f"{error.json_path}: {error.message}" for error in schema.iter_errors(over)]
    assert not schema.is_valid(yaml.safe_load(changed))  # alone, it is no system


@pytest.mark.parametrize("wrong", ["lm: {}", "llm: {dtyp: 1}", "generation: {seed: many}"])
def test_what_extends_another_is_checked_as_well(schema: Draft202012Validator, wrong: str) -> None:
    assert not schema.is_valid({"extends": "mini", **yaml.safe_load(wrong)})


def test_every_key_says_what_it_is(schema: Draft202012Validator) -> None:
    types = schema.schema["$defs"]

    silent = [
        f"{name}.{key}"
        for name, found in types.items()
        for key, field in found.get("properties", {}).items()
        if "description" not in field and "const" not in field
    ]

    assert not silent


def test_the_command_prints_it_and_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom nextgpt_registry.cli import main\n"
        "try: main(['schema'])\nfinally: assert not {'torch', 'numpy'} & set(sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == config_schema(Catalog.discover())


@pytest.mark.usefixtures("lidar")
def test_with_plugins_the_options_of_a_component_are_those_of_its_name() -> None:
    schema = config_schema(Catalog.discover(["lidar"]))
    Draft202012Validator.check_schema(schema)
    checked = Draft202012Validator(schema)

    def config(options: Any) -> Any:
        encoder = {"name": "patch", "options": options}
        return {"llm": {"path": "file:model"}, "modalities": {"lidar": {"encoder": encoder}}}

    for right in ({}, {"layers": 1}, {"stride": "${define.stride}"}, "${define.all}"):
        assert checked.is_valid(config(right)), right
    for wrong in ({"layer": 1}, {"layers": "many"}, 5):
        assert not checked.is_valid(config(wrong)), wrong
    other = {"encoder": {"name": "another", "options": {"x": 1}}}
    assert checked.is_valid({"llm": {"path": "f"}, "modalities": {"lidar": other}})
