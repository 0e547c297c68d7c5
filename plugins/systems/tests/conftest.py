"""A shrunken system of 2023, and a checkpoint of exactly the published names for it."""

from __future__ import annotations

import json
import warnings
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from nextgpt_registry.plan import Plan, make_plan
from nextgpt_registry.targets import missing
from nextgpt_systems.twin import write_twin

WIDTH, RANK, INNER = 32, 4, 16
CONDITIONS = {"": (77, 768), "_video": (77, 1024), "_audio": (1, 512)}
COUNTS = {"IMG": 4, "VID": 24, "AUD": 8}


class TextFcLayer(nn.Module):
    """The published output projection, from its definition, with its names."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.fc = nn.Linear(WIDTH, INNER)
        with warnings.catch_warnings():  # of a fast path that pre-norm layers have not
            warnings.simplefilter("ignore")
            self.tfm = nn.Transformer(
                INNER, 4, 4, 4, 32, dropout=0.0, norm_first=True, batch_first=True
            )
        self.model = nn.Linear(INNER, width)
        self.query_embs = nn.Parameter(torch.randn(1, tokens, INNER))

    def forward(self, x: Tensor, input_embs: Tensor) -> Tensor:
        x = self.fc(x + input_embs)
        return self.model(self.tfm(x, self.query_embs.repeat(x.shape[0], 1, 1)))


@pytest.fixture(scope="session")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The config of the shrunken system of 2023."""
    if missing(["imagebind.models.imagebind_model"]):
        pytest.skip("the package imagebind is not installed")
    return write_twin("nextgpt-7b-v0", tmp_path_factory.mktemp("twin") / "v0")


@pytest.fixture(scope="session")
def plan(twin: Path) -> Plan:
    return make_plan(twin)


def added_tokens(
    first: int, marks: tuple[str, str] = ("{'<Img>'}", "{'</Img>'}")
) -> dict[str, int]:
    names = [*marks, *(f"[{word}{i}]" for word, count in COUNTS.items() for i in range(count))]
    return {name: first + number for number, name in enumerate(names)}


def published(plan: Plan) -> OrderedDict[str, Tensor]:
    """Random numbers under the published names, written out."""
    torch.manual_seed(7)
    rows = plan.facts.vocabulary - 1 + 38
    root = "llama_model.base_model.model"
    found: OrderedDict[str, Tensor] = OrderedDict()
    found[f"{root}.model.embed_tokens.weight"] = torch.randn(rows, WIDTH) * 0.2
    found[f"{root}.lm_head.weight"] = torch.randn(rows, WIDTH) * 0.2
    for layer in range(32):
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            path = f"{root}.model.layers.{layer}.self_attn.{name}"
            found[f"{path}.lora_A.default.weight"] = torch.randn(RANK, WIDTH) * 0.1
            found[f"{path}.lora_B.default.weight"] = torch.randn(WIDTH, RANK) * 0.1
    found["llama_proj.weight"] = torch.randn(WIDTH, 1024) * 0.05
    found["llama_proj.bias"] = torch.randn(WIDTH)
    for suffix, (tokens, width) in CONDITIONS.items():
        for name, tensor in TextFcLayer(tokens, width).state_dict().items():
            found[f"gen_text_hidden_fcs{suffix}.0.{name}"] = tensor
    return found


def write_checkpoint(
    folder: Path, plan: Plan, tensors: OrderedDict[str, Tensor] | None = None
) -> Path:
    """A folder as it was published; -> itself."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = published(plan) if tensors is None else tensors
    saved = OrderedDict((name, nn.Parameter(tensor)) for name, tensor in tensors.items())
    torch.save(saved, folder / "pytorch_model.pt")
    added = added_tokens(plan.facts.vocabulary - 1)
    (folder / "added_tokens.json").write_text(json.dumps(added), "utf-8")
    return folder


class Checkpoints:
    """What the tests are handed."""

    added_tokens = staticmethod(added_tokens)
    published = staticmethod(published)
    write = staticmethod(write_checkpoint)
    projection = TextFcLayer
    conditions = CONDITIONS


@pytest.fixture(scope="session")
def checkpoints() -> type[Checkpoints]:
    return Checkpoints
