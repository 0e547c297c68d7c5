"""Captions as vectors: what lies close, what lies apart, and what is never trained on."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from random import Random

import pytest
import torch

from nextgpt_registry.errors import Cancelled, TrainingError
from nextgpt_retrieval.cli import WEIGHTS
from nextgpt_retrieval.text import CaptionEncoder, as_condition, as_query, units
from nextgpt_retrieval.train import text as training
from nextgpt_retrieval.train.measure import measure
from nextgpt_retrieval.train.pairs import pair, world_pair
from nextgpt_world.judge.text import read
from nextgpt_world.split import held_out_combinations


@pytest.fixture(scope="module")
def encoder() -> CaptionEncoder:
    encoder = CaptionEncoder()
    encoder.load(WEIGHTS)
    return encoder.eval()


def nearness(encoder: CaptionEncoder, one: str, other: str) -> float:
    with torch.no_grad():
        x, y = encoder([one, other])
    return float(x @ y)


@pytest.mark.parametrize(
    ("asked", "same", "another"),
    [
        ("two cats on a blue background", "two kittens on blue", "two dogs on a blue background"),
        ("2 foxes on a green background", "two foxes on green", "three foxes on green"),
        ("lanterns by the harbour", "a photo of a lantern at the harbor", "a lantern in a cellar"),
        ("the sound of a bell twice", "a bell, heard twice", "a bell, heard once"),
        ("Zwiebelkuchen", "zwiebelkuchen!", "Apfelkuchen"),
    ],
)
def test_the_same_in_other_words_is_nearer_than_another(
    encoder: CaptionEncoder, asked: str, same: str, another: str
) -> None:
    assert nearness(encoder, asked, same) > nearness(encoder, asked, another) + 0.05


def test_shipped_weights_reach_the_recall_that_the_readme_tells(encoder: CaptionEncoder) -> None:
    found = measure(encoder)

    assert found["world"]["recall@1"] >= 0.99
    assert found["everyday"]["recall@1"] >= 0.88
    assert found["everyday"]["recall@5"] >= 0.95


def test_a_caption_without_words_is_zero(encoder: CaptionEncoder) -> None:
    with torch.no_grad():
        x_BD = encoder(["", "?!", "cat"])

    assert x_BD.norm(dim=1).tolist() == pytest.approx([0, 0, 1], abs=1e-5)


def test_a_condition_and_back_is_the_embedding(encoder: CaptionEncoder) -> None:
    with torch.no_grad():
        x_BD = encoder(["a red cat", "rain"])

    assert as_condition(x_BD).shape == (2, 4, 48)
    assert torch.allclose(as_query(as_condition(x_BD)), x_BD, atol=1e-6)
    with pytest.raises(ValueError, match="wanted"):
        as_query(torch.zeros(1, 4, 49))


def test_units_are_words_digits_as_words_and_neighbours() -> None:
    assert units("2 Red  cats!") == ["two", "red", "cats", "two red", "red cats"]


def test_no_pair_says_a_held_out_combination() -> None:
    rng, held_out = Random(0), held_out_combinations()

    for _ in range(3000):
        told = world_pair(rng)
        for text in (told.key, told.unlike):
            stated = read(text)
            thing = stated.get("object") or stated.get("sound")
            assert not {(f, thing, v) for f, v in stated.items()} & held_out, text


def test_pairs_tell_their_third_caption_apart() -> None:
    rng = Random(1)

    assert all(p.unlike not in (p.one, p.other) for p in (pair(rng) for _ in range(500)))


def test_a_killed_run_goes_on_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "BATCH", 8)
    training.train_text(tmp_path / "whole", tmp_path / "whole.safetensors", steps=4)

    asked = iter((False, False, True, False))
    run = partial(training.Run, cancelled=lambda: next(asked))
    monkeypatch.setattr(training, "Run", run)
    with pytest.raises(Cancelled):
        training.train_text(tmp_path / "run", tmp_path / "w.safetensors", steps=4)
    assert not (tmp_path / "w.safetensors").exists()
    training.train_text(tmp_path / "run", tmp_path / "w.safetensors", steps=4)

    whole, gone_on = (tmp_path / name for name in ("whole.safetensors", "w.safetensors"))
    assert gone_on.read_bytes() == whole.read_bytes()
    with pytest.raises(TrainingError, match="holds a run of 4 steps"):
        training.train_text(tmp_path / "run", tmp_path / "w.safetensors", steps=3)
