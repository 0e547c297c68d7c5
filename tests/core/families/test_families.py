"""Every causal family that transformers knows: read on rightly, or refused while it is built.

All of them take minutes, and belong to `make test-all`; a sample, the same each time, runs always.
Legend: B batch, T tokens, D width.
"""

from __future__ import annotations

from random import Random

import pytest
import torch
from torch import Tensor
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from nextgpt_core.llm.backbone import Backbone, Run
from nextgpt_core.llm.cache import GrowingCache
from nextgpt_core.llm.load import backbone_from_folder
from nextgpt_core.llm.passes import read_together
from nextgpt_core.llm.slots import Slots
from nextgpt_registry.errors import ConfigError

UNTRIED = {  # and why
    "blt": "its sizes hang on each other",
    "gemma4_assistant": "half a model, driven by another",
    "gemma4_unified_assistant": "half a model, driven by another",
    "gemma3n": "its vision tower wants timm",
    "musicgen": "reads codebooks, no text",
    "musicgen_melody": "reads codebooks, no text",
    "dbrx": "does not start in this transformers",
    "dots3_note": "its layers are listed one by one",
    "emu3": "saved as its text part, which no auto class loads",
    "mllama": "saved as its text part, which no auto class loads",
    "phi4_multimodal": "two minutes, for its vision tower",
}
LAST_ONLY = ("hrm_text", "hy_v4", "longcat_flash", "qwen4_exp", "qwen4_exp_text")
HEADS = "treats its embeddings or logits"
IDS = "look up each token's id again"
STATE = "cannot go on from what it has read"
WIDTH = "and its embeddings"
REFUSED = {
    **dict.fromkeys(("bert", "big_bird", "camembert", "data2vec-text", "electra", "ernie"), HEADS),
    **dict.fromkeys(("megatron-bert", "modernbert-decoder", "roberta", "roformer", "xmod"), HEADS),
    **dict.fromkeys(("roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "roc_bert"), HEADS),
    **dict.fromkeys(("recurrent_gemma", "xlstm", "inkling_text", "inkling2_text"), HEADS),
    "prophetnet": HEADS,
    **dict.fromkeys(("gemma3n_text", "gemma4_text", "gemma4"), IDS),
    **dict.fromkeys(("minimax", "openai-gpt", "rwkv", "xlnet", "xlm"), STATE),
    **dict.fromkeys(("rembert", "reformer"), WIDTH),
    "deepseek_v4": "cannot read embeddings",
    "cpmant": "cannot read token ids",
    "gemma4_unified": "cannot read embeddings",
}
CHOSEN = ["bamba", "bart", "jamba", "mamba", "openai-gpt", "llama4_text", "gemma4_text", "phi3"]
TRIED = sorted(set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES) - set(UNTRIED))
SAMPLE = CHOSEN + Random(15).sample(sorted(set(TRIED) - set(CHOSEN)), 5)
ALL = [
    name if name in SAMPLE else pytest.param(name, marks=[pytest.mark.exhaustive, pytest.mark.slow])
    for name in TRIED
]
PIECES = (8, 1, 4, 46, 1, 3)  # prompt, token, group, a long next turn, token, group


@pytest.mark.parametrize("family", ALL)
def test_family_is_right_on_the_cached_path_or_refused(make_folder, family: str) -> None:
    folder = make_folder(family)

    if family in REFUSED:
        with pytest.raises(ConfigError, match=REFUSED[family]):
            backbone_from_folder(folder)
        return
    if family in LAST_ONLY:
        with pytest.raises(ConfigError, match=r"set llm\.layer to -1"):
            backbone_from_folder(folder, layer=-2)
    backbone = backbone_from_folder(folder, layer=-1 if family in LAST_ONLY else -2)
    ids_BT = _ids(backbone, sum(PIECES))
    x_BTD = backbone.embed(ids_BT)
    whole = backbone.run(x_BTD)

    _check_is_the_model(backbone, ids_BT, whole)
    _check_reads_the_past(backbone, x_BTD, whole)
    _check_pieces(backbone, x_BTD, whole)
    _check_kept_prefix(backbone, x_BTD, whole)
    _check_padding(backbone, x_BTD, whole)
    if backbone.feeding.together:
        _check_company(backbone, x_BTD, whole)


def _check_is_the_model(backbone: Backbone, ids_BT: Tensor, whole: Run) -> None:
    with backbone.tapped() as tapped:
        theirs = backbone.model(input_ids=ids_BT, use_cache=False, output_hidden_states=True)

    assert _off(theirs.logits, backbone.logits(whole.final_BTD)) < 1e-2
    if not tapped:
        return
    assert _off(tapped[0], whole.hidden_BTD) < 1e-2
    if "mamba" not in type(backbone.model).__name__.lower():  # which lists no embedding
        assert _off(theirs.hidden_states[-2], whole.hidden_BTD) < 1e-2


def _check_reads_the_past(backbone: Backbone, x_BTD: Tensor, whole: Run) -> None:
    other = backbone.run(torch.cat((x_BTD[:, 1:4], x_BTD[:, 3:]), dim=1)).final_BTD

    assert _off(whole.final_BTD[:, 5], other[:, 5]) > 1e-2  # or nothing is tried here


def _check_pieces(backbone: Backbone, x_BTD: Tensor, whole: Run) -> None:
    cache, beside, runs = backbone.new_cache(), backbone.new_cache(), []

    for piece_BTD in x_BTD.split(PIECES, dim=1):
        runs.append(backbone.run(piece_BTD, cache=cache))
        backbone.run(piece_BTD.flip(1)[:, :5], cache=beside)  # another request, in turn

    assert all(run.final_BTD.shape[1] == n for run, n in zip(runs, PIECES, strict=True))
    assert _off(whole.final_BTD, torch.cat([run.final_BTD for run in runs], dim=1)) < 1e-2
    assert _off(whole.hidden_BTD, torch.cat([run.hidden_BTD for run in runs], dim=1)) < 1e-2


def _check_kept_prefix(backbone: Backbone, x_BTD: Tensor, whole: Run) -> None:
    cache = backbone.new_cache()
    backbone.run(x_BTD[:, :20], cache=cache)

    if isinstance(cache, GrowingCache):
        backbone.run(x_BTD[:, :9], cache=cache)
        cache.cut(17)
    kept = cache.held
    again = backbone.run(x_BTD[:, kept : kept + 9], cache=cache)

    assert _off(whole.final_BTD[:, kept : kept + 9], again.final_BTD) < 1e-2


def _check_padding(backbone: Backbone, x_BTD: Tensor, whole: Run) -> None:
    mask_BT = torch.ones(2, 30, dtype=torch.long)
    mask_BT[1, 11:] = 0
    both_BTD = torch.cat((x_BTD[:, 10:40], x_BTD[:, :30] * mask_BT[1:, :, None]))

    padded = backbone.run(both_BTD, mask_BT=mask_BT)

    assert _off(whole.final_BTD[:, :11], padded.final_BTD[1:, :11]) < 1e-2


def _check_company(backbone: Backbone, x_BTD: Tensor, whole: Run) -> None:
    """It is read in pieces beside others, which come, go and grow out of their shelf."""
    slots, runs = Slots(), []
    own, *others = (slots.enter(GrowingCache()) for _ in range(4))
    read_together(backbone, slots, [(others[0], x_BTD.repeat(1, 5, 1)[:, :250])])

    for at, piece_BTD in enumerate(x_BTD.split(PIECES, dim=1)):
        beside = [(other, x_BTD.flip(1)[:, : 1 + 3 * (n == at)]) for n, other in enumerate(others)]
        runs.append(read_together(backbone, slots, [*beside, (own, piece_BTD)])[-1])
        if at == 3:
            slots.leave(others.pop(1), GrowingCache())

    assert own.held == x_BTD.shape[1]
    assert _off(whole.final_BTD, torch.cat([run.final_BTD for run in runs], dim=1)) < 1e-3
    assert _off(whole.hidden_BTD, torch.cat([run.hidden_BTD for run in runs], dim=1)) < 1e-3


@pytest.mark.parametrize(
    ("family", "together"),
    [("llama", True), ("qwen3", True), ("gemma3_text", False), ("mistral", False)],
)
def test_families_with_windows_take_turns(make_folder, family: str, together: bool) -> None:
    assert backbone_from_folder(make_folder(family)).feeding.together == together


@pytest.mark.parametrize(
    ("family", "own", "direct"),
    [
        ("llama", {}, True),
        ("qwen2", {}, True),
        ("qwen3", {}, True),
        ("granite", {"residual_multiplier": 0.5}, False),  # holds the like, and is another thing
        ("mixtral", {}, False),
    ],
)
def test_plain_layers_are_gone_through_without_their_modules(
    make_folder, family: str, own: dict[str, float], direct: bool
) -> None:
    backbone = backbone_from_folder(make_folder(family, **own), layer=-2)
    x_BTD = backbone.embed(_ids(backbone, 12))
    assert (backbone.direct is not None) == direct

    def read() -> Run:
        slots = Slots()
        return read_together(backbone, slots, [(slots.enter(GrowingCache()), x_BTD)])[0]

    ours, backbone.direct = read(), None
    theirs = read()

    torch.testing.assert_close(ours.final_BTD, theirs.final_BTD, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(ours.hidden_BTD, theirs.hidden_BTD, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("family", ["llama", "bamba", "mixtral"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_rounding_raises_no_false_alarm(make_folder, family: str, dtype: str) -> None:
    backbone = backbone_from_folder(make_folder(family), dtype=dtype)

    assert backbone.probed
    assert backbone.feeding.cuttable or backbone.feeding.stepwise


def test_layer_that_is_wider_than_the_embedding_is_refused(make_folder) -> None:
    folder = make_folder("opt", word_embed_proj_dim=16)

    assert backbone_from_folder(folder).probed
    with pytest.raises(ConfigError, match=r"llm.layer.*\(9, 32\)[\s\S]*set llm.layer to -1"):
        backbone_from_folder(folder, layer=-2)


def test_weights_that_are_not_finite_are_refused(make_folder) -> None:
    backbone = backbone_from_folder(make_folder("llama"))
    backbone.embedding.weight[40] = float("nan")
    folder = make_folder("llama")
    backbone.model.save_pretrained(folder)

    with pytest.raises(ConfigError, match="not finite"):
        backbone_from_folder(folder)


@pytest.fixture(autouse=True)
def _no_gradients():
    with torch.no_grad():
        yield


def _ids(backbone: Backbone, count: int) -> Tensor:
    """Tokens that nobody means anything special by."""
    rows = backbone.vocabulary
    return torch.randint(rows // 8, rows // 2, (1, count), generator=torch.Generator())


def _off(theirs: Tensor, ours: Tensor) -> float:
    """The largest difference in units of the spread; infinite where one is not finite."""
    off = (theirs - ours).abs().max() / theirs.std()
    return float(off.nan_to_num(nan=float("inf")))
