"""The `group` projection of 2024: its names convert, and it computes what GroupViT computes.

The reference is transformers' own GroupViT, given the same numbers under its own names.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import GroupViTVisionConfig
from transformers.models.groupvit.modeling_groupvit import GroupViTStage

from nextgpt_core.project import build_input
from nextgpt_registry.errors import SourceError
from nextgpt_registry.plan import Plan, make_plan
from nextgpt_registry.projections import INPUT_KINDS
from nextgpt_systems.checkpoints import convert

LAYOUT = "nextgpt-7b-v1.5"
WIDTH, LLM = 16, 32
KIND = f"{{kind: groupvit, shares: one, options: {{width: {WIDTH}, ffn: {4 * WIDTH}}}}}"
PREFIX = "model.mm_input_projector."
BLOCK = ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")
GATHER = (
    *("norm_tokens", "mlp_inter.fc1", "mlp_inter.fc2", "norm_post_tokens", "norm_x"),
    *(f"pre_assign_attn.attn.{name}" for name in ("q_proj", "k_proj", "v_proj", "proj")),
    *(f"pre_assign_attn.{name}" for name in ("norm2", "mlp.fc1", "mlp.fc2", "norm_post")),
    *(f"assign.{name}" for name in ("q_proj", "k_proj", "v_proj", "proj")),
    *("norm_new_x", "mlp_channels.fc1", "mlp_channels.fc2"),
)


def published_names() -> set[str]:
    """The 226 names of the code of 2024, written out."""
    layers = ["in_fc", "norm", "out_fc", *(f"layers.1.group_projector.{n}" for n in ("0",))]
    layers += [f"layers.1.group_projector.1.{name}" for name in ("fc1", "fc2")]
    layers += [
        f"layers.{stage}.blocks.{n}.{name}"
        for stage, depth in enumerate((6, 3, 3))
        for n in range(depth)
        for name in BLOCK
    ]
    layers += [f"layers.{stage}.downsample.{name}" for stage in (0, 1) for name in GATHER]
    both = {f"{name}.{kind}" for name in layers for kind in ("weight", "bias")}
    without = {name for name in both if name.endswith("attn.qkv.bias")}
    return (both - without) | {f"layers.{stage}.group_token" for stage in (0, 1)}


@pytest.fixture(scope="module")
def grouped(twin: Path) -> Plan:
    return make_plan(
        twin, [f"modalities.{c}.input_projection={KIND}" for c in make_plan(twin).channels]
    )


@pytest.fixture
def numbers(grouped: Plan) -> dict[str, Tensor]:
    """Random numbers in every tensor of the projection."""
    torch.manual_seed(5)
    state = projection(grouped).state_dict()
    return {name.removeprefix("map."): torch.randn_like(t) * 0.3 for name, t in state.items()}


@pytest.fixture
def folder(grouped: Plan, numbers: dict[str, Tensor], tmp_path: Path) -> Path:
    """What the first stage of that code writes."""
    place = tmp_path / "stage1"
    place.mkdir()
    base, counts = grouped.facts.vocabulary, {"image": 4, "video": 24, "audio": 8}
    names = [f"<{c}_{i:02}>" for c, n in counts.items() for i in range(n)]
    added = {name: base + number for number, name in enumerate(names)}
    (place / "added_tokens.json").write_text(json.dumps(added), "utf-8")
    rows = torch.randn(base + len(added), grouped.facts.width)
    saved = {PREFIX + name: tensor for name, tensor in numbers.items()}
    saved |= {"model.embed_tokens.weight": rows, "lm_head.weight": rows.clone()}
    torch.save(saved, place / "mm_input_projector.bin")
    return place


def projection(plan: Plan) -> nn.Module:
    made = plan.channels["image"].input
    assert made is not None
    return build_input(
        made.spec, made.options, tokens=256, width_in=1024, width_llm=plan.facts.width
    ).eval()


class Reference(nn.Module):
    """GroupViT of transformers, between the two matrices of the projection."""

    def __init__(self, numbers: dict[str, Tensor]) -> None:
        super().__init__()
        config = GroupViTVisionConfig(
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            num_attention_heads=8,
            assign_mlp_ratio=[0.5, 4],
            assign_eps=1.0,
        )
        shape = ((6, 0, 64, 64), (3, 64, 8, 8), (3, 8, 0, 0))  # depth, before, tokens, groups
        self.in_fc, self.out_fc = nn.Linear(1024, WIDTH), nn.Linear(WIDTH, LLM)
        self.norm = nn.LayerNorm(WIDTH)
        self.layers = nn.ModuleList(GroupViTStage(config, *one) for one in shape)
        self.load_state_dict(dict(self._renamed(numbers)))
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        x, groups = self.in_fc(x), None
        for stage in self.layers:
            x, groups = stage(x, groups)
        return self.out_fc(self.norm(x))

    @staticmethod
    def _renamed(numbers: dict[str, Tensor]) -> Any:
        names = {"norm1": "layer_norm1", "norm2": "layer_norm2", "attn": "self_attn"}
        for name, tensor in numbers.items():
            block = re.fullmatch(r"(layers\.\d)\.blocks\.(\d)\.(\w+)\.?(.*)\.(\w+)", name)
            if block is None:
                yield (
                    name.replace("pre_assign_attn.attn.proj", "pre_assign_attn.attn.out_proj"),
                    tensor,
                )
                continue
            stage, number, part, inner, kind = block.groups()
            path = f"{stage}.layers.{number}.{names.get(part, part)}"
            if inner != "qkv":
                inner = inner.replace("proj", "out_proj")
                yield ".".join(one for one in (path, inner, kind) if one), tensor
                continue
            for one, rows in zip("qkv", tensor.chunk(3), strict=True):
                yield f"{path}.{one}_proj.weight", rows
                yield f"{path}.{one}_proj.bias", torch.zeros(WIDTH)


def test_it_has_the_published_names_and_size() -> None:
    with torch.device("meta"):
        module = build_input(INPUT_KINDS["groupvit"], tokens=256, width_in=1024, width_llm=4096)

    state = module.state_dict()
    assert {name.removeprefix("map.") for name in state} == published_names()
    assert len(state) == 226
    assert sum(tensor.numel() for tensor in state.values()) == 53_144_912


@torch.no_grad()
@pytest.mark.parametrize("tokens", [256, 228])
def test_a_converted_projection_is_groupvit(
    tokens: int, grouped: Plan, numbers: dict[str, Tensor], folder: Path, tmp_path: Path
) -> None:
    paths = convert(LAYOUT, folder, tmp_path / "out", grouped)
    part = load_file(paths["project.image"])
    module = projection(grouped)
    module.load_state_dict({name.removeprefix("input."): t for name, t in part.items()})
    x_BTE = torch.randn(2, tokens, 1024)

    found, wanted = module(x_BTE), Reference(numbers)(x_BTE)

    assert found.shape == (2, 8, LLM)
    assert torch.allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_a_missing_tensor_is_listed(grouped: Plan, folder: Path, tmp_path: Path) -> None:
    saved = torch.load(folder / "mm_input_projector.bin", weights_only=True)
    del saved[f"{PREFIX}layers.1.group_token"]
    torch.save(saved, folder / "mm_input_projector.bin")

    with pytest.raises(SourceError, match=r"1 missing:\n    model\.mm_input_projector\.layers\.1"):
        convert(LAYOUT, folder, tmp_path / "out", grouped)
