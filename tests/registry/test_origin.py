"""A digest that tells weights apart, without reading all of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nextgpt_registry.origin import origin_of


def write(path: Path, tensors: dict[str, bytes]) -> None:
    """A safetensors file of bytes."""
    header, at = {}, 0
    for name, data in tensors.items():
        shape, offsets = [len(data)], [at, at + len(data)]
        header[name] = {"dtype": "U8", "shape": shape, "data_offsets": offsets}
        at += len(data)
    told = json.dumps(header).encode()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(len(told).to_bytes(8, "little") + told + b"".join(tensors.values()))


SMALL, LARGE = bytes(range(200)), bytes(3 << 20)


@pytest.mark.parametrize(
    "other",
    [
        {"a": SMALL[:-1] + b"!", "b": LARGE},  # one number of a small tensor
        {"a": SMALL, "b": b"!" + LARGE[1:]},  # the ends of a large one
        {"a": SMALL, "b": LARGE[:-1] + b"!"},
        {"a": SMALL, "b": bytes(1) * (1 << 20) + bytes([1]) * (2 << 20)},  # a part of it
        {"a": SMALL, "c": LARGE},
        {"a": SMALL},
        {"a": LARGE, "b": SMALL},
    ],
)
def test_other_weights_have_another_origin(tmp_path: Path, other: dict[str, bytes]) -> None:
    write(tmp_path / "one" / "model.safetensors", {"a": SMALL, "b": LARGE})
    write(tmp_path / "two" / "model.safetensors", other)

    assert origin_of(tmp_path / "one") != origin_of(tmp_path / "two")


def test_the_same_weights_in_other_files_have_the_same_origin(tmp_path: Path) -> None:
    write(tmp_path / "one" / "model.safetensors", {"a": SMALL, "b": LARGE})
    write(tmp_path / "two" / "model-00001-of-00002.safetensors", {"b": LARGE})
    write(tmp_path / "two" / "model-00002-of-00002.safetensors", {"a": SMALL})

    assert origin_of(tmp_path / "one") == origin_of(tmp_path / "two")


def test_weights_of_another_format_have_an_origin_and_no_weights_none(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    none = origin_of(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(LARGE)
    one = origin_of(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(LARGE[:-1] + b"!")

    assert none is None
    assert one not in (None, origin_of(tmp_path))


def test_a_model_of_gigabytes_is_not_read_whole(tmp_path: Path) -> None:
    told = {"w": {"dtype": "U8", "shape": [4 << 30], "data_offsets": [0, 4 << 30]}}
    header = json.dumps(told).encode()
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + (4 << 30))  # a hole: no room on the disk is taken

    assert origin_of(tmp_path)  # in a few milliseconds
