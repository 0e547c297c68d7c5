"""Systems on a hub, one on this machine, through its real client; adapters through peft."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from loopback import Repository, serving
from peft import PeftModel
from transformers import AutoModelForCausalLM

from nextgpt_core import Pipeline
from nextgpt_core.testing import SystemKit, ToyPlugin
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.errors import ConfigError, SourceError

CATALOG = Catalog.of({"toy": ToyPlugin()})
LORA = "llm.lora={r: 2, alpha: 8, targets: [q_proj, down_proj]}"
pytestmark = pytest.mark.timeout(120)


@dataclass
class Hub:
    """What the repositories hold, commit by commit, and what their branches are."""

    commits: list[dict[str, bytes]] = field(default_factory=lambda: [{}])
    branches: dict[str, str] = field(default_factory=lambda: {"main": f"{0:040x}"})

    def files(self, revision: str) -> dict[str, bytes]:
        return self.commits[int(self.branches.get(revision, revision), 16)]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    constants = pytest.importorskip("huggingface_hub.constants", reason="no huggingface_hub")
    state, api = Hub(), "/api/models/org/name/"

    class Handler(Repository):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path.startswith((f"{api}revision/", f"{api}tree/")):
                kind, _, revision = path.removeprefix(api).partition("/")
                listed = [
                    {"type": "file", "path": name, "size": len(data), "oid": "0" * 40}
                    for name, data in state.files(revision.partition("/")[0]).items()
                ]
                commit = state.branches.get(revision, revision)
                names = [{"rfilename": one["path"]} for one in listed]
                told = {"id": "org/name", "sha": commit, "siblings": names}
                self._answer(200, listed if kind == "tree" else told)
                return
            revision, _, name = path.removeprefix("/org/name/resolve/").partition("/")
            found = state.files(revision).get(name)
            commit = state.branches.get(revision, revision)
            self._answer(404 if found is None else 200, found or b"", commit=commit)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path.startswith(f"{api}preupload/"):
                asked = json.loads(body)["files"]
                how = {"uploadMode": "regular", "shouldIgnore": False}
                told = [{"path": file["path"], **how} for file in asked]
                self._answer(200, {"files": told})
            elif self.path.startswith(f"{api}commit/"):
                branch = self.path.partition("?")[0].rpartition("/")[2]
                lines = [json.loads(line) for line in body.splitlines()]
                files = {
                    line["value"]["path"]: base64.b64decode(line["value"]["content"])
                    for line in lines
                    if line["key"] == "file"
                }
                state.commits.append({**state.files(branch), **files})
                state.branches[branch] = f"{len(state.commits) - 1:040x}"
                url = f"{constants.ENDPOINT}/org/name/commit/{state.branches[branch]}"
                told = {"commitUrl": url, "commitOid": state.branches[branch]}
                self._answer(200, told)
            elif self.path.startswith(f"{api}branch/"):
                state.branches.setdefault(self.path.rpartition("/")[2], state.branches["main"])
                self._answer(200, {})
            elif self.path == "/api/validate-yaml":
                self._answer(200, {"errors": [], "warnings": []})
            else:
                self._answer(200, {"url": f"{constants.ENDPOINT}/org/name", "name": "org/name"})

        def _answer(self, code: int, told: Any, *, commit: str = "") -> None:
            body = told if isinstance(told, bytes) else json.dumps(told).encode()
            self.answer(code, body, commit)

    with serving(Handler, tmp_path, monkeypatch):
        yield state


@pytest.fixture
def pipeline(kit: SystemKit) -> Iterator[Pipeline]:
    """One with adapters that change something."""
    with kit.builder.build(LORA, untrained=True) as pipeline:
        model = pipeline.system.model
        chance = torch.Generator().manual_seed(0)
        model.load_by_part(
            {
                part: {n: t + 0.2 * torch.randn(t.shape, generator=chance) for n, t in own.items()}
                for part, own in model.state_by_part().items()
                if part != "lora"
            }
        )
        yield pipeline


def test_pushed_system_is_had_by_name_by_branch_and_by_commit(
    hub: Hub, pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    first = pipeline.push_to_hub("org/name")
    second = pipeline.push_to_hub("org/name", revision="next", token="secret")
    wanted = pipeline.chat("hello", require={"glyph": 1}, deterministic=True)

    for revision in (None, "main", "next", first):
        with Pipeline.from_pretrained("org/name", revision=revision, catalog=CATALOG) as found:
            answer = found.chat("hello", require={"glyph": 1}, deterministic=True)
        assert answer.ids == wanted.ids
        assert answer.media[0].media == wanted.media[0].media

    assert hub.branches == {"main": first, "next": second}
    assert f"@main is commit {first}" in capsys.readouterr().err


def test_model_card_says_what_it_is_and_stays(hub: Hub, pipeline: Pipeline) -> None:
    pipeline.push_to_hub("org/name")
    card = hub.files("main")["README.md"].decode()
    hub.files("main")["README.md"] = b"mine"
    pipeline.push_to_hub("org/name")

    _, front, text = card.split("---\n", 2)
    assert yaml.safe_load(front)["library_name"] == "nextgpt"
    assert "glyph in and out" in text
    assert "| glyph encoder | rows |" in text
    assert "Pipeline.from_pretrained" in text
    assert hub.files("main")["README.md"] == b"mine"


@pytest.mark.parametrize("revision", ["nowhere", "", "a b"])
def test_revision_that_is_not_there_is_told(hub: Hub, revision: str) -> None:
    with pytest.raises(SourceError):
        Pipeline.from_pretrained("org/name", revision=revision)


@pytest.mark.parametrize("repo", ["name", "", "a/b/c", "https://x/y", None, 5])
def test_name_of_no_repository_is_refused(pipeline: Pipeline, repo: Any) -> None:
    with pytest.raises(SourceError, match="no name of a repository"):
        pipeline.push_to_hub(repo)


def test_nothing_is_pushed_offline(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXTGPT_OFFLINE", "1")

    with pytest.raises(SourceError, match="NEXTGPT_OFFLINE=1 forbids the network"):
        pipeline.push_to_hub("org/name")


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # peft asks for it
@pytest.mark.parametrize("merged", [False, True])
def test_adapters_are_read_by_peft(kit: SystemKit, tmp_path: Path, merged: bool) -> None:
    ids = torch.arange(5, 15)[None]
    with kit.builder.build(LORA, untrained=True) as made:
        own = made.system.model.state_by_part()["lora"]
        chance = torch.Generator().manual_seed(0)
        lora = {n: 0.3 * torch.randn(t.shape, generator=chance) for n, t in own.items()}
        folder = save_with(made, lora, tmp_path / "saved")
    with Pipeline.from_pretrained(folder, untrained=True, catalog=CATALOG) as loaded:
        if merged:
            folder = loaded.save_pretrained(tmp_path / "again")
        model = loaded.system.model
        with torch.no_grad():
            wanted = model(ids).logits[..., : model.vocabulary.base]

    base = AutoModelForCausalLM.from_pretrained(kit.llm)
    bare = base(ids).logits
    found = PeftModel.from_pretrained(base, str(folder))(input_ids=ids).logits

    assert torch.allclose(found, wanted, atol=1e-4)
    assert not torch.allclose(bare, wanted, atol=1e-2)


def save_with(pipeline: Pipeline, lora: dict[str, torch.Tensor], folder: Path) -> Path:
    """The system saved with these adapters, which are merged in the live one."""
    backbone = pipeline.system.model.backbone
    backbone.merged_lora = lora
    pipeline.system.model.mark_trained({"lora"})
    return pipeline.save_pretrained(folder)


def test_adapters_of_the_system_before_are_gone(
    kit: SystemKit, pipeline: Pipeline, tmp_path: Path
) -> None:
    pipeline.system.model.mark_trained({"lora"})
    folder = pipeline.save_pretrained(tmp_path / "saved")
    there = sorted(path.name for path in folder.glob("adapter*"))
    with kit.pipeline() as plain:
        plain.save_pretrained(folder)

    assert there == ["adapter_config.json", "adapter_model.safetensors"]
    assert not list(folder.glob("adapter*"))


def test_name_of_a_system_is_for_another_method() -> None:
    with pytest.raises(SourceError, match="a system's name or a YAML file is `from_config`'s"):
        Pipeline.from_pretrained("mini")


@pytest.mark.parametrize("dtype", ["bfloat16", torch.bfloat16])
def test_device_and_dtype_are_of_all_parts(kit: SystemKit, dtype: Any) -> None:
    config = kit.builder.config()
    options: Any = {"device": torch.device("cpu"), "dtype": dtype}

    with Pipeline.from_config(config, untrained=True, catalog=CATALOG, **options) as pipeline:
        system = pipeline.system

    assert system.config.llm.dtype == system.decoders["glyph"].recipe.dtype == "bfloat16"
    assert system.encoders["glyph"].recipe.device == "cpu"
    assert system.model.backbone.model.dtype is torch.bfloat16


@pytest.mark.parametrize("given", [{"device": 5}, {"dtype": 5}, {"dtype": int}, {"device": b"cpu"}])
def test_device_that_is_none_is_refused(kit: SystemKit, given: Any) -> None:
    with pytest.raises(ConfigError, match="give its name"):
        Pipeline.from_config(kit.builder.config(), catalog=CATALOG, **given)


@pytest.mark.parametrize(
    ("given", "said"),
    [({"device": "gpu0"}, "device: 'gpu0' is no"), ({"dtype": torch.int8}, "dtype: 'int8' is no")],
)
def test_device_that_is_not_known_is_one_problem(kit: SystemKit, given: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=f"^{said}"):
        Pipeline.from_config(kit.builder.config(), catalog=CATALOG, **given)
