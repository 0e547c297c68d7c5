"""`nextgpt plugins new`: a name that will do, and a folder that is whole or not there."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from nextgpt_registry import Catalog
from nextgpt_registry.cli.new import KINDS, new_plugin, scaffold
from nextgpt_registry.errors import NextGPTError
from nextgpt_registry.loading import Plugin

STAGES = {"encode": "encoder", "decode": "decoder"}
FREE = "untaken"
"""A name that nobody's plugin has: neither of our pages nor a word for something."""

CHECK = """
import sys
sys.path.insert(0, "")
from nextgpt_registry import Catalog
from {module} import plugin
catalog = Catalog.of({{sys.argv[1]: plugin}})
(name,) = catalog.modalities
print(f"{{name}}:", ", ".join([*catalog.encoders(name), *catalog.decoders(name)]))
for module in ("encoder", "decoder", "options"):
    assert __import__("importlib.util").util.find_spec(f"{module}.{{module}}")
assert plugin.MARK == (name + "\\n").encode()
"""


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "is no name"),
        ("Heart", "is no name"),
        ("heart_beat", "is no name"),
        ("2d", "is no name"),
        ("a b", "is no name"),
        ("hërz", "is no name"),
        ("../up", "is no name"),
        ("/etc", "is no name"),
        ("heart-", "is no name"),
        ("a" * 41, "has 41 characters, and 40 at most"),
        ("nextgpt-pulse", "begins with 'nextgpt-'"),
        ("class", "a word of Python"),
        ("match", "a word of Python"),
        ("on", "read by YAML as True"),
        ("null", "read by YAML as None"),
        ("text", "nextgpt calls language itself"),
        ("error", "nextgpt calls a medium that could not be made"),
        ("llm", "nextgpt calls the language model"),
        ("s", "<s>, a control token"),
        ("mask", "<mask>, a control token"),
        ("con", "a device's name on Windows"),
        ("com1", "a device's name on Windows"),
        ("aux", "a device's name on Windows"),
        ("json", "the name of a Python module or package"),
        ("pydantic-core", "the name of a Python module or package"),
        ("typing-extensions", "the name of a Python module or package"),
        ("registry", "taken: there is a module nextgpt_registry"),
        ("lidar", "taken: there is a module nextgpt_lidar"),
        ("pfm", r"files that end in '.pfm', as those of '\w+' do"),
    ],
)
def test_a_name_that_will_not_do_is_refused(
    name: str, reason: str, lidar: Path, tmp_path: Path
) -> None:
    before = set(tmp_path.iterdir())

    with pytest.raises(NextGPTError, match=reason) as refused:
        new_plugin(name, tmp_path, kinds=KINDS, licence="MIT")

    assert refused.value.fix
    assert set(tmp_path.iterdir()) == before


def test_a_word_of_a_name_may_be_a_module_s_or_a_device_s(tmp_path: Path) -> None:
    (tmp_path / FREE).mkdir()  # on the path of whoever works here, and no module

    for name in (f"json-{FREE}", f"con-{FREE}", f"text-{FREE}", f"mask{FREE}", FREE):
        new_plugin(name, tmp_path, kinds=("encoder",), licence="MIT")


@pytest.mark.parametrize("plugin", Catalog.discover().plugins, ids=lambda plugin: plugin.name)
def test_what_is_installed_keeps_its_names(plugin: Plugin, tmp_path: Path) -> None:
    for name in (plugin.name, *(modality.name for modality in plugin.manifest.modalities)):
        with pytest.raises(NextGPTError, match=r"is taken|installed plugin|package"):
            new_plugin(name, tmp_path, kinds=KINDS, licence="MIT")


def test_an_installed_distribution_is_not_replaced(lidar: Path, tmp_path: Path) -> None:
    info = lidar.parent / f"nextgpt_{FREE}-3.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: nextgpt-{FREE}\nVersion: 3.0\n")

    with pytest.raises(NextGPTError, match=rf"distribution nextgpt-{FREE} 3\.0 is installed"):
        new_plugin(FREE, tmp_path, kinds=KINDS, licence="MIT")


def test_a_plugin_of_another_module_takes_its_names(lidar: Path, tmp_path: Path) -> None:
    info = next(lidar.parent.glob("*.dist-info"))
    (info / "entry_points.txt").write_text(f"[nextgpt.plugins]\n{FREE} = nextgpt_lidar.plugin\n")

    with pytest.raises(NextGPTError, match="the name of an installed plugin"):
        new_plugin(FREE, tmp_path, kinds=KINDS, licence="MIT")


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / f"nextgpt-{FREE}").mkdir()

    with pytest.raises(NextGPTError, match="exists already"):
        new_plugin(FREE, tmp_path, kinds=KINDS, licence="MIT")

    assert not list((tmp_path / f"nextgpt-{FREE}").iterdir())


def test_an_unknown_licence_lists_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(NextGPTError, match="no text of the licence 'WTF'") as refused:
        new_plugin(FREE, tmp_path, kinds=KINDS, licence="WTF")

    assert "Apache-2.0, MIT" in refused.value.fix


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(NextGPTError, match="cannot be written"):
        new_plugin(FREE, tmp_path / "file", kinds=KINDS, licence="MIT")


@pytest.mark.parametrize(("said", "licence"), [("MIT", "MIT"), ("apache-2.0", "Apache-2.0")])
@pytest.mark.parametrize("kinds", [KINDS, ("encoder",), ("decoder",)], ids="+".join)
def test_a_plugin_is_written_under_its_name(
    kinds: tuple[str, ...], said: str, licence: str, tmp_path: Path
) -> None:
    module = f"nextgpt_{FREE}_own"
    home = new_plugin(f"{FREE}-own", tmp_path, kinds=kinds, licence=said)

    files = {p.relative_to(home).as_posix(): p for p in home.rglob("*") if p.is_file()}
    texts = {name: path.read_text("utf-8") for name, path in files.items()}
    project = tomllib.loads(texts["pyproject.toml"])["project"]
    assert {f"{module}/{kind}.py" for kind in kinds} <= set(files)
    assert not [k for k in KINDS if k not in kinds and f"{module}/{k}.py" in files]
    assert project["entry-points"]["nextgpt.plugins"] == {f"{FREE}-own": f"{module}.plugin"}
    assert project["license"] == licence
    assert ".github/workflows/test.yaml" in files
    code = {name: text for name, text in texts.items() if name != "LICENSE"}
    assert not [name for name, text in code.items() if "example" in text.lower()]
    assert not [name for name, text in code.items() if "$" in text.replace("$ ", "")]
    assert [ast.parse(text) for name, text in texts.items() if name.endswith(".py")]
    assert list(tmp_path.iterdir()) == [home]


@pytest.mark.parametrize("name", ["fish", "series", "gas", "box", "x-ray", "lidar2", "data"])
@pytest.mark.parametrize("kinds", [KINDS, ("encoder",), ("decoder",)], ids="+".join)
def test_any_noun_reads_right(name: str, kinds: tuple[str, ...]) -> None:
    files = scaffold(name, kinds=kinds, licence="MIT", trainable=True)

    told = "".join(text for path, text in files.items() if path != "LICENSE")
    assert re.findall(rf"\b(?:an?|one|two|every|each) {name}\b", told) == []
    assert re.findall(rf"\b{name}e?s\b", told) == []
    assert all(ast.parse(text) for path, text in files.items() if path.endswith(".py"))
    addition = yaml.safe_load(files[f"nextgpt_{name.replace('-', '_')}/addition.yaml"])
    assert list(addition["modalities"]) == [name]
    assert [*addition["training"]] == [s for s, k in STAGES.items() if k in kinds]


@pytest.mark.parametrize("trainable", [False, True])
@pytest.mark.parametrize("kinds", [KINDS, ("encoder",), ("decoder",)], ids="+".join)
def test_what_is_written_is_clean_code(
    kinds: tuple[str, ...], trainable: bool, tmp_path: Path
) -> None:
    new_plugin(FREE, tmp_path, kinds=kinds, licence="MIT", trainable=trainable)

    ruff = ["ruff", "check", "--isolated", "--select=E4,E7,E9,F,I"]

    told = subprocess.run(
        [sys.executable, "-m", *ruff, "."],
        cwd=tmp_path,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout


@pytest.mark.parametrize("name", ["example", "my-example", "counterexample", "mark", "modality"])
def test_a_name_from_the_template_itself_is_as_good(name: str, tmp_path: Path) -> None:
    for path, text in scaffold(name, kinds=KINDS, licence="MIT", trainable=True).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    module = f"nextgpt_{name.replace('-', '_')}"
    told = subprocess.run(
        [sys.executable, "-c", CHECK.format(module=module), name],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert told.stdout == f"{name}: {name}-windows, {name}-waves\n", told.stderr


def test_an_unwanted_kind_leaves_no_trace() -> None:
    told = "".join(scaffold("pulse", kinds=("encoder",), licence="MIT").values())

    assert not [word for word in ("Decoder", "decoder", "Condition", "waves") if word in told]
