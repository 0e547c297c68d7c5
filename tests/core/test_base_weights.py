"""What was trained beside a language model is loaded beside no other, though it would fit."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from nextgpt_core import Pipeline
from nextgpt_core.testing import SystemKit, ToyPlugin, save_tiny_llm
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.errors import LockError
from nextgpt_registry.lock import read_lock

CATALOG = Catalog.of({"toy": ToyPlugin()})


@pytest.fixture(scope="module")
def saved(kit: SystemKit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with kit.pipeline("llm.lora={r: 2}") as pipeline:
        return pipeline.save(tmp_path_factory.mktemp("base") / "saved")


def test_saved_parts_are_refused_beside_other_weights_of_the_same_sizes(
    saved: Path, tmp_path: Path
) -> None:
    other = save_tiny_llm(tmp_path / "other", seed=1)

    with pytest.raises(LockError, match="other weights than those"):
        Pipeline.from_pretrained(saved, f"llm.path=file:{other}", catalog=CATALOG)


def test_one_number_of_the_base_is_enough(saved: Path, tmp_path: Path) -> None:
    other = save_tiny_llm(tmp_path / "other")
    file = other / "model.safetensors"
    tensors = load_file(file)
    tensors["model.norm.weight"][0] += 1e-3
    save_file(tensors, file, {"format": "pt"})

    with pytest.raises(LockError, match="other weights than those"):
        Pipeline.from_pretrained(saved, f"llm.path=file:{other}", catalog=CATALOG)


def test_a_copy_of_the_base_will_do_and_the_lock_is_kept(saved: Path, tmp_path: Path) -> None:
    copy = save_tiny_llm(tmp_path / "copy")

    with Pipeline.from_pretrained(saved, f"llm.path=file:{copy}", catalog=CATALOG) as pipeline:
        again = pipeline.save(tmp_path / "again")

    assert read_lock(again / "nextgpt.lock.json").base is not None
    assert read_lock(again / "nextgpt.lock.json") == read_lock(saved / "nextgpt.lock.json")


def test_a_lock_from_before_the_base_was_pinned_is_read(saved: Path, tmp_path: Path) -> None:
    other = save_tiny_llm(tmp_path / "other", seed=1)
    with Pipeline.from_pretrained(saved, catalog=CATALOG) as pipeline:
        old = pipeline.save(tmp_path / "old")
    lock = read_lock(old / "nextgpt.lock.json").model_dump_json(exclude={"base"})
    (old / "nextgpt.lock.json").write_text(lock)

    with Pipeline.from_pretrained(old, f"llm.path=file:{other}", catalog=CATALOG) as pipeline:
        assert pipeline.chat("hello", max_tokens=2).text is not None
