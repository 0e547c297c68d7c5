"""Weights become local safetensors: resolved, converted once, packed small."""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf import GGUFWriter, TokenType
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from nextgpt_core.assembly.weights import missing, resolve, resolve_llm
from nextgpt_core.llm.gguf import convert_gguf, converted
from nextgpt_registry.config import LLMSettings, Weight
from nextgpt_registry.errors import SourceError
from nextgpt_registry.headers import read_whole_header
from nextgpt_registry.tensors import convert_pickle, load_compact, save_compact


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


# --- resolving


def test_weights_are_resolved_by_name(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"b")
    both = hashlib.sha256(b"ab").hexdigest()
    weights = {
        "one": Weight(source="file:a"),
        "joined": Weight(source=("file:a", "file:b"), sha256=both),
    }

    assert missing(weights, base=tmp_path) == ("joined",)
    paths = resolve(weights, base=tmp_path)

    assert paths["one"] == tmp_path / "a"
    assert paths["joined"].read_bytes() == b"ab"
    assert missing(weights, base=tmp_path) == ()


# --- pickles


def test_pickle_becomes_safetensors_once(tmp_path: Path) -> None:
    shared = torch.arange(6.0).reshape(2, 3)
    state = OrderedDict(a=shared, b=shared.t(), steps=torch.tensor(3))
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "model.pth")
    pin = digest(tmp_path / "model.pth")

    path = convert_pickle(tmp_path / "model.pth", pin)
    (tmp_path / "model.pth").unlink()

    assert path.name == "model.safetensors"
    assert convert_pickle(tmp_path / "model.pth", pin) == path
    loaded = load_file(path)
    assert all(torch.equal(loaded[name], state[name]) for name in ("a", "b", "steps"))


class _Harm:
    def __reduce__(self) -> Any:
        return os.mkdir, ("harmed",)


@pytest.mark.parametrize("content", [_Harm(), [1, 2], {"a": torch.ones(1), "b": "text"}], ids=type)
def test_pickle_of_anything_else_is_refused(
    tmp_path: Path, content: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(content, tmp_path / "a.pth")

    with pytest.raises(SourceError):
        convert_pickle(tmp_path / "a.pth", digest(tmp_path / "a.pth"))

    assert not (tmp_path / "harmed").exists()


def test_pickle_of_another_sha256_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(b"not a pickle")

    with pytest.raises(SourceError, match="sha256 is"):
        convert_pickle(tmp_path / "a.pth", "0" * 64)


# --- the compact form


@given(
    st.integers(0, 2**31), st.sampled_from([(64, 64), (8, 32, 4, 4), (1, 5000)]), st.floats(-6, 6)
)
def test_compact_moves_no_element_by_more_than_half_a_scale(
    tmp_path_factory: pytest.TempPathFactory, seed: int, shape: tuple[int, ...], power: float
) -> None:
    path = tmp_path_factory.getbasetemp() / "compact.safetensors"
    noise = torch.Generator().manual_seed(seed)
    weight = torch.randn(shape, generator=noise) * 10**power
    weight[0] = 0

    save_compact({"weight": weight}, path)
    found = load_compact(path)["weight"]

    rows = weight.flatten(1)
    half_scale = rows.abs().amax(1, keepdim=True) / 127 / 2
    assert ((found.flatten(1) - rows).abs() <= half_scale * (1 + 1e-4)).all()
    assert found.dtype == torch.float32


def test_compact_keeps_what_int8_would_hurt(tmp_path: Path) -> None:
    state = {
        "bias": torch.randn(300),
        "huge": torch.tensor([1e30]),
        "ids": torch.arange(5),
        "named": torch.randn(64, 64),
        "small": torch.randn(4, 4),
        "wide": torch.randn(100, 200),
    }
    path = tmp_path / "deep" / "a.safetensors"

    save_compact(state, path, exact=["named"], metadata={"step": "7"})
    found = load_compact(path)

    assert list(found) == sorted(state)
    assert torch.equal(found["ids"], state["ids"])
    assert torch.equal(found["huge"], state["huge"])
    for name in ("bias", "named", "small"):
        assert torch.equal(found[name], state[name].half().float())
    assert path.stat().st_size < 100 * 200 + 100 * 4 + 2 * (300 + 64 * 64 + 16) + 2000
    assert load_compact(path, dtype=torch.bfloat16)["wide"].dtype == torch.bfloat16
    assert [p.name for p in path.parent.iterdir()] == ["a.safetensors"]


def test_plain_safetensors_are_read_as_they_are(tmp_path: Path) -> None:
    state = {"a": torch.ones(2, dtype=torch.float16), "a@scale": torch.ones(2)}
    save_file(state, tmp_path / "a.safetensors")

    found = load_compact(tmp_path / "a.safetensors")

    assert found["a"].dtype == torch.float16
    assert set(found) == {"a", "a@scale"}


@pytest.mark.parametrize(
    "state", [{"a@scale": torch.ones(1)}, {"a": torch.tensor([float("nan")])}], ids=["name", "nan"]
)
def test_what_cannot_be_packed_is_refused(tmp_path: Path, state: dict[str, Tensor]) -> None:
    with pytest.raises(SourceError):
        save_compact(state, tmp_path / "a.safetensors")

    assert list(tmp_path.glob("*safetensors*")) == []


def test_torn_compact_file_is_a_clear_error(tmp_path: Path) -> None:
    save_compact({"a": torch.randn(100, 100)}, tmp_path / "a.safetensors")
    (tmp_path / "a.safetensors").write_bytes((tmp_path / "a.safetensors").read_bytes()[:-100])

    with pytest.raises(SourceError, match="cannot be read"):
        load_compact(tmp_path / "a.safetensors")


# --- GGUF

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m['content'] }}<|im_end|>{% endfor %}"


def write_gguf(path: Path, *, width: int = 32, layers: int = 2) -> None:
    """A Llama of random weights with a byte-level tokenizer, as llama.cpp would write it."""
    from tokenizers.pre_tokenizers import ByteLevel

    tokens = [*SPECIAL, *sorted(ByteLevel.alphabet()), "ĊĊ", "ĠĠ"]
    writer = GGUFWriter(path, "llama")
    writer.add_block_count(layers)
    writer.add_context_length(128)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(2 * width)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(width // 4)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([TokenType.CONTROL] * 3 + [TokenType.NORMAL] * (len(tokens) - 3))
    writer.add_token_merges(["Ċ Ċ", "Ġ Ġ"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    shapes = {"token_embd": (len(tokens), width), "output_norm": (width,)}
    for i in range(layers):
        shapes |= {f"blk.{i}.{norm}": (width,) for norm in ("attn_norm", "ffn_norm")}
        shapes |= {f"blk.{i}.{full}": (width, width) for full in ("attn_q", "attn_output")}
        shapes |= {f"blk.{i}.{half}": (width // 2, width) for half in ("attn_k", "attn_v")}
        shapes |= {f"blk.{i}.{up}": (2 * width, width) for up in ("ffn_gate", "ffn_up")}
        shapes |= {f"blk.{i}.ffn_down": (width, 2 * width)}
    noise = np.random.default_rng(0)
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", noise.standard_normal(shape).astype(np.float32) / 8)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_gguf_becomes_a_folder_that_says_the_same(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    path = tmp_path / "tiny.gguf"
    write_gguf(path)
    before = AutoModelForCausalLM.from_pretrained(
        tmp_path, gguf_file=path.name, dtype=torch.float32
    )
    capfd.readouterr()
    settings = LLMSettings(path="file:tiny.gguf", sha256=digest(path))
    assert missing({}, settings, base=tmp_path) == ()

    folder = resolve_llm(settings, base=tmp_path)
    assert capfd.readouterr().err == ""
    path.unlink()
    assert resolve_llm(settings, base=tmp_path) == folder

    after = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer("hello <|im_end|>", return_tensors="pt").input_ids
    with torch.no_grad():
        assert torch.allclose(after(ids).logits, before(ids).logits, atol=2e-2)
    assert ids[0, -1] == after.generation_config.eos_token_id == tokenizer.eos_token_id == 2
    assert tokenizer.chat_template == TEMPLATE
    assert tokenizer.model_max_length == 128
    assert tokenizer.tokenize("a\n\n1") == ["a", "ĊĊ", "1"]
    stored_as = {tensor.dtype for tensor in load_file(folder / "model.safetensors").values()}
    assert stored_as == {torch.float16}


def test_other_file_is_no_gguf(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"no such thing")

    with pytest.raises(SourceError, match="is no GGUF file"):
        convert_gguf(tmp_path / "a.gguf")

    assert converted(digest(tmp_path / "a.gguf")) is None


def test_torn_gguf_leaves_no_folder(tmp_path: Path, cache: Path) -> None:
    write_gguf(tmp_path / "a.gguf")
    (tmp_path / "a.gguf").write_bytes((tmp_path / "a.gguf").read_bytes()[:5000])

    with pytest.raises(SourceError, match="is no causal LM in GGUF"):
        convert_gguf(tmp_path / "a.gguf")

    assert [p for p in cache.rglob("*") if p.is_file() and p.suffix != ".lock"] == []


def test_what_is_said_of_a_file_is_written_in_one_order(tmp_path: Path) -> None:
    said = {name: name.upper() for name in "qwertyuiop"}
    for n in range(6):
        save_compact({"x": torch.ones(2)}, tmp_path / str(n), metadata=said)

    files = {path.read_bytes() for path in tmp_path.iterdir()}

    assert len(files) == 1
    assert said.items() <= read_whole_header(tmp_path / "0").metadata.items()
    assert load_compact(tmp_path / "0")["x"].tolist() == [1, 1]
