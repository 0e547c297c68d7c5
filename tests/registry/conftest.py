"""Real plugins for the registry's tests: distributions written to a folder on the path."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest

from nextgpt_registry import Catalog, Config, Loaded, Plan, resolve

LIDAR = """
from nextgpt_registry import Condition, Decoder, Encoder, Manifest, Modality, System, hookimpl

@hookimpl
def nextgpt_manifest():
    return Manifest(
        api="1.0",
        summary="distances: one number for each pixel",
        license="Apache-2.0",
        modalities=(Modality(name="lidar", summary="distances", mime=(), suffixes=(".pfm",)),),
        encoders=(
            Encoder(
                name="patch", modality="lidar", target="nextgpt_lidar.live:Patch",
                options="nextgpt_lidar.options:PatchOptions", tokens=16, width=32,
                parameters=1000, twin={"layers": 1}, licence="Apache-2.0",
            ),
        ),
        decoders=(
            Decoder(
                name="relief", modality="lidar", target="nextgpt_lidar.live:Relief", signals=4,
                conditions=(Condition(name="text", tokens=3, width=8),), parameters=2000,
                licence="CC-BY-NC-4.0", weights=("model",), twin={},
            ),
        ),
        systems=(
            System(name="seer", summary="sees distances", config="nextgpt_lidar:systems/seer.yaml"),
        ),
    )
"""

OPTIONS = """
from pydantic import BaseModel, ConfigDict

class PatchOptions(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    layers: int = 2
    stride: int = 4
"""

SYSTEM = """
llm:
  path: "file:model"
  licence: Apache-2.0
  facts:
    {family: llama, parameters: 5000, width: 16, layers: 2, vocabulary: 100, tied: true,
     context: 64, linears: {q_proj: [16, 16], v_proj: [16, 8]}}
  lora: {r: 2, targets: [q_proj, v_proj]}
plugins: ["lidar>=0.2"]
modalities:
  lidar: {encoder: patch}
"""


class Install(Protocol):
    """Writes a distribution that declares one plugin, as pip would have installed it."""

    def __call__(
        self,
        name: str,
        plugin: str,
        *,
        version: str = ...,
        dist: str | None = ...,
        files: Mapping[str, str] | None = ...,
        points: str | None = ...,
    ) -> Path: ...


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages, which leaves no module behind."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", None)):
            del sys.modules[name]


@pytest.fixture
def install(site: Path) -> Install:
    def write(
        name: str,
        plugin: str,
        *,
        version: str = "0.1.0",
        dist: str | None = None,
        files: Mapping[str, str] | None = None,
        points: str | None = None,
    ) -> Path:
        dist = dist or f"nextgpt-{name}"
        module = dist.replace("-", "_")
        contents = {"__init__.py": "", "plugin.py": plugin, **(files or {})}
        for path, text in contents.items():
            (site / module / path).parent.mkdir(parents=True, exist_ok=True)
            (site / module / path).write_text(textwrap.dedent(text))
        info = site / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: {version}\n")
        points = points or f"[nextgpt.plugins]\n{name} = {module}.plugin\n"
        (info / "entry_points.txt").write_text(points)
        return site / module

    return write


@pytest.fixture
def lidar(install: Install) -> Path:
    """The plugin `lidar` 0.2.0, with an encoder, a decoder and the system `seer`."""
    (live, systems) = ("class Patch: ...\nclass Relief: ...\n", {"systems/seer.yaml": SYSTEM})
    files = {"live.py": live, "options.py": OPTIONS, **systems}
    points = "[nextgpt.plugins]\nlidar = nextgpt_lidar.plugin\n"
    points += "[nextgpt.systems]\nseer = nextgpt_lidar.plugin\n"
    folder = install("lidar", LIDAR, version="0.2.0", files=files, points=points)
    (folder / "systems" / "model").mkdir()
    return folder


FACTS = {
    "family": "llama",
    "parameters": 5000,
    "width": 16,
    "layers": 2,
    "vocabulary": 100,
    "tied": True,
    "context": 64,
    "linears": {"q_proj": [16, 16], "v_proj": [16, 8]},
}


@pytest.fixture
def facts() -> dict[str, Any]:
    """Of a language model that is not there."""
    return dict(FACTS)


@pytest.fixture
def planned() -> Callable[..., Plan]:
    """The plan of a small system in a folder, with top-level keys replaced."""

    def make(folder: Path, catalog: Catalog | None = None, **changes: Any) -> Plan:
        raw = {
            "name": "small",
            "llm": {"path": "file:.", "facts": FACTS},
            "plugins": ["lidar"],
            "accept_licences": ["CC-BY-NC-4.0"],
            **changes,
        }
        loaded = Loaded(Config.model_validate(raw), folder, "small")
        return resolve(loaded, catalog or Catalog.discover(["lidar"]))

    return make
