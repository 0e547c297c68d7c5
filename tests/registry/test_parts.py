"""A part of a published checkpoint is found under any prefix, and nothing is filled by halves."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from nextgpt_registry.errors import SourceError
from nextgpt_registry.parts import load_part


def part() -> torch.nn.Linear:
    return torch.nn.Linear(2, 3)


def save(path: Path, prefix: str, *, bias: str = "bias", rows: int = 3) -> Path:
    tensors = {
        f"{prefix}weight": torch.ones(rows, 2, dtype=torch.float16),
        f"{prefix}{bias}": torch.full((rows,), 2.0),
        "decoder.weight": torch.zeros(7),
    }
    save_file(tensors, path)
    return path


@pytest.mark.parametrize("prefix", ["", "encoder.", "model.encoder."])
def test_a_part_is_found_under_any_of_its_prefixes(tmp_path: Path, prefix: str) -> None:
    module = part()
    path = save(tmp_path / "a.safetensors", prefix)

    load_part(module, path, who="a", prefixes=("encoder.", "model.encoder."))

    assert (module.weight == 1).all()
    assert module.weight.dtype == torch.float32
    assert (module.bias == 2).all()


def test_older_spellings_are_understood(tmp_path: Path) -> None:
    module = part()

    load_part(module, save(tmp_path / "a", "", bias="b"), who="a", spellings={"bias": "b"})

    assert (module.bias == 2).all()


def test_constants_may_be_missing(tmp_path: Path) -> None:
    module = part()
    before = module.bias.clone()

    load_part(module, save(tmp_path / "a", "", bias="b"), who="a", constants=("bias",))

    assert torch.equal(module.bias, before)
    assert (module.weight == 1).all()


def test_what_does_not_fit_is_named_and_nothing_is_filled(tmp_path: Path) -> None:
    module = part()
    before = module.weight.clone()

    with pytest.raises(SourceError, match=r"1 of 2 tensors do not fit: lacks bias"):
        load_part(module, save(tmp_path / "a", "", bias="b"), who="a")
    with pytest.raises(SourceError, match=r"weight is \(4, 2\), wanted \(3, 2\)"):
        load_part(module, save(tmp_path / "b", "", rows=4), who="a")

    assert torch.equal(module.weight, before)


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"no tensors here")

    with pytest.raises(SourceError, match=r"a\.bin: cannot be read as safetensors"):
        load_part(part(), tmp_path / "a.bin", who="a")


@pytest.mark.parametrize(
    ("bias", "told"),
    [
        (torch.tensor([1.0, float("nan"), 3.0]), "bias has 1 of 3 numbers that are not finite"),
        (torch.tensor([1.0, float("inf"), 3.0]), "bias has 1 of 3 numbers that are not finite"),
        (torch.tensor([1, 2, 3]), "bias is of int64, wanted floats"),
        (torch.tensor([True, True, False]), "bias is of bool, wanted floats"),
    ],
    ids=["nan", "inf", "int64", "bool"],
)
def test_what_cannot_be_weights_is_refused(tmp_path: Path, bias: torch.Tensor, told: str) -> None:
    save_file({"weight": torch.ones(3, 2), "bias": bias}, tmp_path / "a.safetensors")

    with pytest.raises(SourceError, match=told):
        load_part(part(), tmp_path / "a.safetensors", who="a")


def test_a_mask_may_be_of_minus_infinity(tmp_path: Path) -> None:
    module = part()
    module.register_buffer("mask", torch.zeros(2, 2))
    masked = torch.full((2, 2), float("-inf")).triu(1)
    saved = {"weight": torch.ones(3, 2), "bias": torch.ones(3), "mask": masked}
    save_file(saved, tmp_path / "a.safetensors")

    load_part(module, tmp_path / "a.safetensors", who="a")

    assert torch.equal(module.mask, masked)
