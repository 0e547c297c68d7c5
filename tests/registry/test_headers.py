"""Shapes are read from safetensors headers; a torn file is told from a whole one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nextgpt_registry import SourceError
from nextgpt_registry.headers import read_header

TENSORS = {
    "a": {"dtype": "F16", "shape": [2, 3], "data_offsets": [0, 12]},
    "a@scale": {"dtype": "F32", "shape": [2], "data_offsets": [12, 20]},
}


def written(path: Path, header: dict[str, object], data: bytes) -> Path:
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def test_shapes_and_types_are_read(tmp_path: Path) -> None:
    header = read_header(written(tmp_path / "a.safetensors", TENSORS, bytes(20)))

    assert header["a"].shape == (2, 3)
    assert (header["a"].dtype, header["a"].size) == ("F16", 6)


def test_scales_of_a_compact_file_are_no_tensors(tmp_path: Path) -> None:
    compact = {"__metadata__": {"nextgpt": "compact-1"}, **TENSORS}

    header = read_header(written(tmp_path / "a.safetensors", compact, bytes(20)))

    assert list(header) == ["a"]


@pytest.mark.parametrize("cut", [0, 4, 40, -1])
def test_a_torn_file_is_refused(tmp_path: Path, cut: int) -> None:
    path = written(tmp_path / "a.safetensors", TENSORS, bytes(20))
    path.write_bytes(path.read_bytes()[:cut])

    with pytest.raises(SourceError, match="no whole safetensors file"):
        read_header(path)


@pytest.mark.parametrize("data", [b"GIF89a" * 9, b"\xff" * 64, (2).to_bytes(8, "little") + b"[]"])
def test_another_kind_of_file_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.safetensors").write_bytes(data)

    with pytest.raises(SourceError):
        read_header(tmp_path / "a.safetensors")
