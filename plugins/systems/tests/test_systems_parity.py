"""A shrunken system of 2023 computes what its published definition says, to 1e-5 in float32.

The reference is written out here: a resized Llama with its adapters added to the weights, the
prompt cut into pieces as the published code cut it, and its output projections.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from nextgpt_core.assembly.assemble import bare_backbone, build_composer, build_model
from nextgpt_core.assembly.meta import measure
from nextgpt_core.assembly.weights import load_compact
from nextgpt_core.llm.lora import add_lora, merge_lora
from nextgpt_core.model import NextGPT
from nextgpt_core.project import build_input
from nextgpt_core.prompt.compose import Composer
from nextgpt_core.training.forward import forward
from nextgpt_registry.configfile import load_config
from nextgpt_registry.fetch.sources import fetch
from nextgpt_registry.media import Media
from nextgpt_registry.messages import MediaPart, Message
from nextgpt_registry.plan import Plan, make_plan
from nextgpt_registry.projections import INPUT_KINDS
from nextgpt_systems.checkpoints import convert

ROOT = "llama_model.base_model.model"
FIRST = {"image": 2, "video": 6, "audio": 30}  # after the rows of the two marks
SUFFIX = {"image": "", "video": "_video", "audio": "_audio"}
PICTURE = Media("image", np.zeros((4, 4, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def tensors(plan: Plan, checkpoints: Any) -> OrderedDict[str, Tensor]:
    return checkpoints.published(plan)


@pytest.fixture(scope="module")
def ours(plan: Plan, tensors, checkpoints, tmp_path_factory: pytest.TempPathFactory) -> NextGPT:
    """The system with the converted parts, its adapters merged; without encoders and decoders."""
    place = tmp_path_factory.mktemp("published")
    folder = checkpoints.write(place / "folder", plan, tensors)
    paths = convert("nextgpt-7b-tiva-v0", folder, place / "parts", plan)
    backbone = bare_backbone(plan)
    backbone.tokenizer.chat_template = fetch(
        plan.config.llm.template, sha256=None, base=plan.base
    ).read_text("utf-8")
    add_lora(backbone, plan.config.llm.lora)
    model = build_model(plan, backbone)
    model.load_by_part({part: load_compact(path) for part, path in paths.items()})
    merge_lora(backbone)
    return model.eval()


@pytest.fixture(scope="module")
def composer(plan: Plan, ours: NextGPT) -> Composer:
    return build_composer(plan, ours.backbone)


class Published:
    """What the released code computes, in as many words."""

    def __init__(self, folder: Path, tensors: OrderedDict[str, Tensor], projection: type) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.first = len(self.tokenizer)  # of the rows that were added
        rows = tensors[f"{ROOT}.model.embed_tokens.weight"]
        self.llm = AutoModelForCausalLM.from_pretrained(folder)
        self.llm.resize_token_embeddings(len(rows), mean_resizing=False)
        state = self.llm.state_dict()
        state["model.embed_tokens.weight"].copy_(rows)
        state["lm_head.weight"].copy_(tensors[f"{ROOT}.lm_head.weight"])
        for name in [n for n in tensors if n.endswith("lora_A.default.weight")]:
            path = name.removesuffix(".lora_A.default.weight")
            added = tensors[f"{path}.lora_B.default.weight"] @ tensors[name]  # alpha / r is 1
            state[path.removeprefix(f"{ROOT}.") + ".weight"].add_(added)
        self.llm.eval()
        self.tensors, self.projection = tensors, projection

    def ids(self, text: str, *, begins: bool) -> list[int]:
        found = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return [1, *found] if begins else found

    def embed(self, ids: list[int]) -> Tensor:
        return self.llm.get_input_embeddings()(torch.tensor([ids]))

    def medium(self, feature_TW: Tensor) -> Tensor:
        """The projected feature."""
        weight, bias = self.tensors["llama_proj.weight"], self.tensors["llama_proj.bias"]
        return (feature_TW @ weight.T + bias)[None]

    def signals(self, channel: str, count: int) -> list[int]:
        start = self.first + FIRST[channel]
        return list(range(start, start + count))

    def run(self, x: Tensor) -> tuple[Tensor, Tensor]:
        out = self.llm(inputs_embeds=x, output_hidden_states=True, use_cache=False)
        return out.hidden_states[-1], out.logits

    def condition(self, channel: str, hidden: Tensor, signals: list[int], shape: Any) -> Tensor:
        layer = self.projection(*shape)
        prefix = f"gen_text_hidden_fcs{SUFFIX[channel]}.0."
        own = {k.removeprefix(prefix): t for k, t in self.tensors.items() if k.startswith(prefix)}
        layer.load_state_dict(own)
        return layer.eval()(hidden, self.embed(signals))


@pytest.fixture(scope="module")
def theirs(plan: Plan, tensors, checkpoints) -> Published:
    folder = plan.base / plan.config.llm.path.removeprefix("file:")
    return Published(folder, tensors, checkpoints.projection)


def close(found: Tensor, wanted: Tensor) -> bool:
    return torch.allclose(found, wanted, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_text_is_cut_as_the_published_code_cut_it(composer: Composer, theirs: Published) -> None:
    turns = [Message("user", ("what is ", MediaPart("image", PICTURE), " doing?"))]

    prompt = composer.compose(turns, feature_tokens={"image": 1})

    assert list(prompt.ids) == [
        *theirs.ids("### Human: what is <Img>", begins=True),
        -1,
        *theirs.ids("</Img> doing?\n### Assistant: ", begins=False),
    ]


def test_the_marks_of_a_medium_are_cut_into_pieces(composer: Composer) -> None:
    pieces = composer.tokenizer.tokenize("<Img>")

    assert len(pieces) > 1


@torch.no_grad()
@pytest.mark.parametrize("channel", ["image", "video", "audio"])
def test_text_to_condition_is_the_published_path(
    channel: str, ours: NextGPT, composer: Composer, theirs: Published, checkpoints
) -> None:
    feature_TW = torch.randn(1, 1024, generator=torch.Generator().manual_seed(3))
    turns = [
        Message("user", (MediaPart("image", PICTURE), "draw it again")),
        Message("assistant", (MediaPart(channel),)),
    ]
    prompt = composer.compose(turns, feature_tokens={"image": 1}, answer=False)
    key = ("image", PICTURE.sha256)
    projected = ours.project_in("image", feature_TW[None])[0]

    found = forward(ours, [prompt], {key: projected})
    [group] = found.groups
    [condition] = ours.project_out(channel, group.hidden_SD[None], group.ids_S[None]).values()

    signals = theirs.signals(channel, len(group.ids_S))
    pieces = [
        theirs.embed(theirs.ids("### Human: <Img>", begins=True)),
        theirs.medium(feature_TW),
        theirs.embed(theirs.ids("</Img> draw it again\n### Assistant: ", begins=False)),
        theirs.embed(signals),
    ]
    hidden, _ = theirs.run(torch.cat(pieces, dim=1))
    hidden = hidden[:, -len(signals) :]
    shape = checkpoints.conditions[SUFFIX[channel]]
    assert close(group.hidden_SD[None], hidden)
    assert close(condition, theirs.condition(channel, hidden, signals, shape))


@torch.no_grad()
def test_logits_with_merged_adapters_are_the_published_ones(
    ours: NextGPT, composer: Composer, theirs: Published
) -> None:
    prompt = composer.compose([Message("user", ("draw a cat",))], feature_tokens={})
    run = ours.backbone.run(ours.embed(torch.tensor([prompt.ids])))

    found = ours.logits(run.final_BTD)

    first, then = "### Human: ", "draw a cat\n### Assistant: "
    x = theirs.embed([*theirs.ids(first, begins=True), *theirs.ids(then, begins=False)])
    _, wanted = theirs.run(x)
    base, text = ours.vocabulary.base, theirs.first
    assert close(found[..., :text], wanted[..., :text])
    assert close(found[..., base:], wanted[..., text + 2 :])  # without the two marks


@torch.no_grad()
def test_the_linear_projection_is_one_matrix_for_three_channels(
    ours: NextGPT, tensors: OrderedDict[str, Tensor]
) -> None:
    x_BTW = torch.randn(2, 1, 1024)
    wanted = x_BTW @ tensors["llama_proj.weight"].T + tensors["llama_proj.bias"]

    assert all(close(ours.project_in(channel, x_BTW), wanted) for channel in ours.inputs)
    assert len({id(module) for module in ours.inputs.values()}) == 1


@torch.no_grad()
def test_grouping_is_what_the_paper_defines() -> None:
    """Appendix C.1, in loops: each token to its one group, X' = C + MLP(mean of the group)."""
    options = {"width": 8, "heads": 2, "ffn": 16, "groups": (4, 2), "depth": 1}
    module = build_input(
        INPUT_KINDS["grouping"], options, tokens=6, width_in=12, width_llm=10
    ).eval()
    net, x_TE = module.map, torch.randn(6, 12)

    x_TW = net.fc_in(x_TE) + net.place
    for stage in net.stages:
        both = stage.layers(torch.cat((x_TW, stage.groups))[None])[0]
        x_TW, c_GW = both[: len(x_TW)], both[len(x_TW) :]
        groups: list[list[Tensor]] = [[] for _ in c_GW]
        for x_W in x_TW:
            normed = nn.functional.layer_norm
            x_W_normed = normed(x_W, (8,), *stage.norm_tokens.parameters())
            c_normed = normed(c_GW, (8,), *stage.norm_groups.parameters())
            groups[int((c_normed @ x_W_normed).argmax())].append(x_W)
        means = [sum(g, torch.zeros(8)) / (len(g) + 1) for g in groups]
        x_TW = torch.stack(
            [c_W + stage.merge(mean_W) for c_W, mean_W in zip(c_GW, means, strict=True)]
        )
    wanted = net.fc_out(net.norm(x_TW))

    assert close(module(x_TE[None])[0], wanted)


def test_the_numbers_of_the_paper_come_from_facts_alone() -> None:
    plan = make_plan("nextgpt-7b-v0")

    found = {part.name: part.parameters for part in plan.parts}
    assert found["lora"] == 33_554_432
    assert found["image.input"] == 4_198_400
    assert found["video.input"] == found["audio.input"] == 0  # the same one
    assert found["image.output"] == 31_958_784
    assert found["video.output"] == 32_090_112
    assert found["audio.output"] == 31_788_544
    assert found["image.encoder"] == 1_200_781_057


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("nextgpt-7b-v0", {"vocab_size": 32001, "rms_norm_eps": 1e-6}),
        ("nextgpt-7b-v1.5", {"vocab_size": 32000}),
        ("nextgpt-modern", {"num_key_value_heads": 8, "head_dim": 128, "hidden_size": 2048}),
    ],
)
def test_the_facts_of_a_language_model_are_those_of_its_class(
    name: str, settings: dict[str, int]
) -> None:
    facts = load_config(name).config.llm.facts
    assert facts is not None
    config = AutoConfig.for_model(
        facts.family,
        **{
            "hidden_size": 4096,
            "intermediate_size": facts.linears["gate_proj"][1],
            "num_hidden_layers": facts.layers,
            "num_attention_heads": facts.linears["q_proj"][1] // 128,
            "vocab_size": facts.vocabulary,
            "tie_word_embeddings": facts.tied,
            **settings,
        },
    )
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)

    assert sum(p.numel() for p in model.parameters()) == facts.parameters
    for target, (wide, tall) in facts.linears.items():
        [shape] = {
            (layer.in_features, layer.out_features)
            for path, layer in model.named_modules()
            if path.endswith(f".{target}")
        }
        assert shape == (wide, tall)


@pytest.mark.slow
def test_every_part_at_full_size_is_its_class() -> None:
    plan = measure(make_plan("nextgpt-7b-v0"))

    found = {part.name: part.checked for part in plan.parts if part.parameters}
    counted = {"llm", "lora", "signals"}
    assert {name for name, checked in found.items() if checked != "meta"} == counted
