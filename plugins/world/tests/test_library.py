"""The library that ships is whole, of today's words, and can be made anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nextgpt_registry.errors import SourceError
from nextgpt_registry.targets import missing
from nextgpt_world import cutting
from nextgpt_world import prepare as preparing
from nextgpt_world.library import (
    LIBRARY,
    RATE,
    SPRITE,
    Library,
    find_library,
    made_from,
    pack,
)
from nextgpt_world.prepare import prepare
from nextgpt_world.vocabulary import vocabulary


@pytest.fixture(scope="module")
def library() -> Library:
    return find_library()


def test_everything_in_the_vocabulary_is_there(library: Library) -> None:
    assert set(library.things) == set(vocabulary().objects)
    assert set(library.sounds) == set(vocabulary().sounds)
    assert {x.shape for x in library.sprites.values()} == {(SPRITE, SPRITE, 4)}
    assert all(0 < len(hit) <= 1.6 * RATE for hits in library.sounds.values() for hit in hits)


def test_things_are_in_the_order_in_which_training_drew_them(library: Library) -> None:
    assert list(library.things) == sorted(library.things)
    assert list(library.sounds) == sorted(library.sounds)


def test_it_was_made_from_todays_words_and_sources() -> None:
    made = prepare()  # would fetch, were it not up to date

    assert made == LIBRARY


def test_what_is_packed_comes_back_bit_for_bit(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sprite = rng.integers(0, 256, (SPRITE, SPRITE, 4), dtype=np.uint8)
    sprite[:, :48, 3] = 0  # colours that cannot be seen are kept, too
    sound = rng.integers(-32767, 32768, 1000, dtype=np.int16)

    pack({"sprite/a/noto": sprite, "sound/b/0": sound}, tmp_path / "l.zip", made_from="x")

    back = find_library(str(tmp_path / "l.zip"))
    assert np.array_equal(back.sprites["a", "noto"], sprite)
    assert np.array_equal(back.sounds["b"][0], sound.astype(np.float32) / 32767)
    assert made_from(tmp_path / "l.zip") == "x"


def test_all_that_making_it_needs_is_told_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "_MODULES", ("resvg_py", "no_synth", "no_rasterizer"))
    monkeypatch.setattr(cutting, "_COMMANDS", ("no-npm",))

    with pytest.raises(SourceError, match=r"no_synth.*no_rasterizer.*no-npm"):
        prepare(tmp_path / "library.zip")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.exhaustive
@pytest.mark.network
@pytest.mark.slow
@pytest.mark.skipif(bool(missing(["tinysoundfont"])), reason="tinysoundfont is not installed")
def test_made_anew_it_is_the_same(
    tmp_path: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path / "cache"))

    again = Library.load(prepare(tmp_path / "library.zip"))

    assert list(again.sprites) == list(library.sprites)
    for key, sprite in again.sprites.items():
        assert np.array_equal(sprite, library.sprites[key])
    for name, hits in again.sounds.items():
        assert all(map(np.array_equal, hits, library.sounds[name]))
