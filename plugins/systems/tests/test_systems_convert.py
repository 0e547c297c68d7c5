"""A checkpoint of the published names becomes parts, or a refusal that lists what is wrong."""

from __future__ import annotations

import json
import shutil
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from nextgpt_registry.errors import ConfigError, SourceError
from nextgpt_registry.plan import Plan, make_plan
from nextgpt_systems.checkpoints import LAYOUTS, convert
from nextgpt_systems.checkpoints.pickles import read_tensors, write_tensors

TIVA = "nextgpt-7b-tiva-v0"


@pytest.fixture
def folder(tmp_path: Path, plan: Plan, checkpoints: Any) -> Path:
    return checkpoints.write(tmp_path / "published", plan)


def test_the_published_file_has_396_045_568_numbers(
    tmp_path: Path, plan: Plan, checkpoints
) -> None:
    added = checkpoints.added_tokens(32000)
    (tmp_path / "added_tokens.json").write_text(json.dumps(added), "utf-8")

    wanted = LAYOUTS[TIVA].layout(make_plan("nextgpt-7b-v0"), tmp_path)

    assert wanted.parameters == 396_045_568
    assert len(wanted.shapes) == 2 + 32 * 4 * 2 + 2 + 3 * (5 + 4 * 12 + 4 * 18 + 4)


def test_every_number_of_the_checkpoint_is_in_a_part(
    folder: Path, plan: Plan, tmp_path: Path, checkpoints
) -> None:
    given = checkpoints.published(plan)
    base = plan.signals.base
    rows = given["llama_model.base_model.model.lm_head.weight"]

    paths = convert(TIVA, folder, tmp_path / "out", plan)

    signals, vocabulary = load_file(paths["signals"]), load_file(paths["vocabulary"])
    assert torch.equal(vocabulary["output"], rows[:base])
    assert torch.equal(signals["image.output"], rows[base + 1 : base + 5])
    assert torch.equal(signals["video.output"], rows[base + 5 : base + 29])
    assert torch.equal(signals["audio.output"], rows[base + 29 : base + 37])
    audio = load_file(paths["project.audio"])
    assert torch.equal(audio["output.queries"], given["gen_text_hidden_fcs_audio.0.query_embs"][0])
    assert torch.equal(audio["input.map.weight"], given["llama_proj.weight"])
    written = sum(t.numel() for path in paths.values() for t in load_file(path).values())
    shared = 2 * (given["llama_proj.weight"].numel() + given["llama_proj.bias"].numel())
    untrained = 2 * rows.shape[1]  # the mark </Img>, which no text holds
    assert written == sum(t.numel() for t in given.values()) + shared - untrained


def test_the_parts_fit_their_system(folder: Path, plan: Plan, tmp_path: Path, twin: Path) -> None:
    paths = convert(TIVA, folder, tmp_path / "out", plan)

    found = make_plan(twin, _named(paths))

    saved = [part for part in found.parts if part.saved]
    assert len(saved) == 9
    assert {(part.checked, part.state) for part in saved} == {("header", "here")}


def test_every_fault_of_a_checkpoint_is_listed(
    folder: Path, plan: Plan, tmp_path: Path, checkpoints
) -> None:
    tensors = checkpoints.published(plan)
    del tensors["llama_proj.bias"]
    tensors["llama_proj.scale"] = torch.ones(1)
    tensors["gen_text_hidden_fcs.0.fc.weight"] = torch.ones(2, 2)
    checkpoints.write(folder, plan, tensors)

    with pytest.raises(SourceError) as caught:
        convert(TIVA, folder, tmp_path / "out", plan)

    told = str(caught.value)
    assert "1 missing:\n    llama_proj.bias" in told
    assert "1 unknown:\n    llama_proj.scale" in told
    assert "gen_text_hidden_fcs.0.fc.weight is (2, 2), wanted (16, 32)" in told
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        (lambda t: t.fill_(float("nan")), "has 32 of 32 numbers that are not finite"),
        (lambda t: t.index_fill_(0, torch.tensor([3]), float("inf")), "has 1 of 32 numbers"),
        (lambda t: t.index_fill_(0, torch.tensor([3]), float("-inf")), "has 1 of 32 numbers"),
        (lambda t: t.long(), "is of int64, wanted floats"),
        (lambda t: t > 0, "is of bool, wanted floats"),
        (lambda t: t.to(torch.uint8), "is of uint8, wanted floats"),
        (lambda t: t.to(torch.complex64), "is of complex64, wanted floats"),
        (lambda t: t.to(torch.float8_e4m3fn), "is of float8_e4m3fn, wanted floats of 16 bits"),
        (lambda t: t.to_sparse(), "is sparse_coo, wanted plain numbers"),
        (lambda t: t.to("meta"), "is without data, wanted plain numbers"),
        (lambda t: t[:0], r"is \(0,\), wanted \(32,\)"),
        (lambda t: t[None], r"is \(1, 32\), wanted \(32,\)"),
    ],
    ids=[
        *("nan", "inf", "-inf", "int64", "bool", "uint8"),
        *("complex", "float8", "sparse", "meta", "empty", "shape"),
    ],
)
def test_numbers_that_cannot_be_weights_are_refused_by_name(
    odd: Callable[[Tensor], Tensor], told: str, plan: Plan, tmp_path: Path, checkpoints
) -> None:
    tensors = checkpoints.published(plan)
    tensors["llama_proj.bias"] = odd(tensors["llama_proj.bias"])
    torch.save(tensors, tmp_path / "pytorch_model.pt")
    added = checkpoints.added_tokens(plan.facts.vocabulary - 1)
    (tmp_path / "added_tokens.json").write_text(json.dumps(added), "utf-8")

    with pytest.raises(SourceError, match=f"llama_proj.bias {told}"):
        convert(TIVA, tmp_path, tmp_path / "out", plan)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "held", [{}, [], torch.ones(2), {1: torch.ones(2)}, {"a": 1.0}, {"a": {"b": torch.ones(1)}}]
)
def test_a_pickle_of_anything_but_named_tensors_is_refused(
    held: Any, folder: Path, plan: Plan, tmp_path: Path
) -> None:
    torch.save(held, folder / "pytorch_model.pt")

    with pytest.raises(SourceError, match=r"missing|holds a|no named tensor"):
        convert(TIVA, folder, tmp_path / "out", plan)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x80\x02", b"{}", b"\x00" * 4096])
def test_a_damaged_pickle_is_refused(data: bytes, folder: Path, plan: Plan, tmp_path: Path) -> None:
    (folder / "pytorch_model.pt").write_bytes(data)

    with pytest.raises(SourceError, match=r"is damaged|holds more than tensors"):
        convert(TIVA, folder, tmp_path / "out", plan)


def test_a_long_list_of_faults_says_how_many_more(
    folder: Path, plan: Plan, tmp_path: Path, checkpoints
) -> None:
    tensors = checkpoints.published(plan)
    kept = OrderedDict((name, tensor) for name, tensor in tensors.items() if "lora" not in name)
    checkpoints.write(folder, plan, kept)

    with pytest.raises(SourceError) as caught:
        convert(TIVA, folder, tmp_path / "out", plan)

    told = str(caught.value)
    assert "256 missing:" in told
    assert told.count("lora_") == 20
    assert "\n    and 236 more" in told


class Harmful:
    def __reduce__(self):
        return print, ("harm",)


def test_a_pickle_with_code_is_refused(
    folder: Path, plan: Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(OrderedDict(weight=Harmful()), folder / "pytorch_model.pt")

    with pytest.raises(SourceError, match=r"it would run \S*print") as caught:
        convert(TIVA, folder, tmp_path / "out", plan)
    assert "harm" not in capsys.readouterr().out
    assert "weights_only" not in str(caught.value)  # torch says how to run it all the same


def test_a_repaired_tokenizer_is_refused_with_the_reason(
    folder: Path, plan: Plan, tmp_path: Path, checkpoints
) -> None:
    added = checkpoints.added_tokens(plan.facts.vocabulary - 1, ("<Img>", "</Img>"))
    (folder / "added_tokens.json").write_text(json.dumps(added), "utf-8")

    with pytest.raises(SourceError, match="cuts <Img> into pieces"):
        convert(TIVA, folder, tmp_path / "out", plan)


@pytest.mark.parametrize(
    ("added", "told"),
    [
        ({"<s2>": 40}, r"it lacks \[IMG0\], \[IMG1\], .* and 31 more"),
        (None, "it says which rows are signals"),
        ({"[IMG0]": 9}, "numbers"),
    ],
)
def test_another_tokenizer_is_refused(
    folder: Path, plan: Plan, tmp_path: Path, checkpoints, added, told: str
) -> None:
    path = folder / "added_tokens.json"
    whole = checkpoints.added_tokens(plan.facts.vocabulary - 1)
    path.unlink()
    if added is not None:
        path.write_text(json.dumps(added if "<s2>" in added else {**whole, **added}), "utf-8")

    with pytest.raises(SourceError, match=told):
        convert(TIVA, folder, tmp_path / "out", plan)


def test_the_list_of_published_tokens_has_746_bytes(checkpoints) -> None:
    """Which is how the trap was found: the plain names would come to 738."""
    sizes = [
        len(json.dumps(checkpoints.added_tokens(32000, marks), indent=2) + "\n")
        for marks in (("{'<Img>'}", "{'</Img>'}"), ("<Img>", "</Img>"))
    ]

    assert sizes == [746, 738]


@pytest.mark.parametrize("context", [2048, 4096], ids=["v1.1", "v1.5"])
def test_a_vicuna_of_another_version_is_refused(
    folder: Path, plan: Plan, twin: Path, tmp_path: Path, context: int
) -> None:
    llm = tmp_path / "vicuna"
    shutil.copytree(twin.parent / "llm", llm)
    config = json.loads((llm / "config.json").read_text("utf-8"))
    config |= {"vocab_size": config["vocab_size"] - 1, "max_position_embeddings": context}
    (llm / "config.json").write_text(json.dumps(config), "utf-8")
    (llm / "model.safetensors").unlink()

    with pytest.raises(SourceError, match=r"v1\.5 has 32000 and 4096"):
        convert(TIVA, folder, tmp_path / "out", plan, llm=llm)


def test_a_language_model_with_another_tokenizer_is_refused(
    folder: Path, plan: Plan, twin: Path, tmp_path: Path
) -> None:
    llm = tmp_path / "vicuna"
    shutil.copytree(twin.parent / "llm", llm)
    (llm / "tokenizer.model").write_bytes(b"ours")
    (folder / "tokenizer.model").write_bytes(b"theirs")

    with pytest.raises(SourceError, match="is not the tokenizer that the checkpoint"):
        convert(TIVA, folder, tmp_path / "out", plan, llm=llm)


def test_a_folder_in_use_is_left_alone(folder: Path, plan: Plan) -> None:
    with pytest.raises(ConfigError, match="is in use"):
        convert(TIVA, folder, folder, plan)
    assert (folder / "pytorch_model.pt").is_file()


def test_pickles_become_safetensors_bit_for_bit(tmp_path: Path) -> None:
    given = {
        "half": torch.randn(3, 5).half(),
        "turned": torch.randn(4, 6).T,
        "none": torch.empty(0, 2),
        "count": torch.tensor(7),
    }
    torch.save(given, tmp_path / "a.bin")

    write_tensors(read_tensors(tmp_path / "a.bin"), tmp_path / "a.safetensors")

    found = load_file(tmp_path / "a.safetensors")
    assert found.keys() == given.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in given.items())


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")
def test_a_checkpoint_is_never_held_twice(tmp_path: Path) -> None:
    given = {f"layer{n}": torch.randn(1024, 1024).half() for n in range(48)}
    torch.save(given, tmp_path / "a.bin")
    del given
    size, before = (tmp_path / "a.bin").stat().st_size, _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew

    write_tensors(read_tensors(tmp_path / "a.bin"), tmp_path / "a.safetensors")

    assert (_status("VmHWM") - before) / size < 1.4  # what is mapped, and a tensor


def _status(key: str) -> int:
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(key))


def _named(paths: dict[str, Path]) -> list[str]:
    whole = {part: {"source": f"file:{path}"} for part, path in paths.items()}
    return [f"weights={json.dumps(whole)}"]
