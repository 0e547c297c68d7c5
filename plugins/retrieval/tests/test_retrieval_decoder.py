"""The decoder: real media with their source, drawn by the item's own generator, or an error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from nextgpt_registry.catalog import Catalog
from nextgpt_registry.errors import DecodeError, SourceError
from nextgpt_registry.fetch.cache import sha256_of
from nextgpt_registry.media import Media
from nextgpt_registry.protocols import DecodeBatch
from nextgpt_retrieval import decoder
from nextgpt_retrieval.cli import WEIGHTS
from nextgpt_retrieval.decoder import Retrieval
from nextgpt_retrieval.indexing import Source, index
from nextgpt_retrieval.options import RetrievalOptions

CATALOG = Catalog.discover(("image",))
CAPTIONS = {"one.png": "a red kite", "two.png": "a red kite", "three.png": "grey rain in a street"}


@pytest.fixture
def live() -> Retrieval:
    found = decoder.image(RetrievalOptions())
    found.load({"text": WEIGHTS})
    return found.eval()


@pytest.fixture
def library(tmp_path: Path, live: Retrieval) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    for n, name in enumerate(CAPTIONS):
        media = Media("image", np.full((8, 8, 3), 40 * n, np.uint8))
        path = folder / name
        CATALOG.hook.nextgpt_write_media(media=media, stem=path.with_suffix(""), suffix=path.suffix)
    build(folder, tmp_path / "library", live)
    return tmp_path / "library"


def build(folder: Path, out: Path, live: Retrieval) -> None:
    index(Source(folder, CAPTIONS, CATALOG), out, live.text, sha256_of(WEIGHTS))


def find(live: Retrieval, captions: list[str], seed: int = 0, **options: object) -> list[Media]:
    return live.decode(
        DecodeBatch(
            live.caption_targets(captions),
            options=RetrievalOptions(**options),  # type: ignore[arg-type]
            generators=[torch.Generator().manual_seed(seed) for _ in captions],
        )
    )


def test_it_returns_the_item_with_score_caption_and_source(live: Retrieval, library: Path) -> None:
    rain, kite = find(live, ["rain, grey street", "red kites"], library=str(library))

    assert int(rain.data[0, 0, 0]) == 80
    assert rain.about["source"] == "three.png"
    assert rain.about["caption"] == "grey rain in a street"
    assert 0.5 < float(rain.about["score"]) <= 1
    assert Path(rain.source).name == "three.png"
    assert kite.about["source"] == "one.png"


def test_top_draws_among_the_best_by_the_items_generator(live: Retrieval, library: Path) -> None:
    drawn = [
        [find(live, ["red kite"], seed=s, library=str(library), top=2)[0].about["source"]]
        for s in (*range(12), 0)
    ]

    assert {name for [name] in drawn} == {"one.png", "two.png"}
    assert drawn[0] == drawn[-1]


def test_nothing_near_enough_is_an_error_that_tells_the_best(
    live: Retrieval, library: Path
) -> None:
    with pytest.raises(DecodeError, match=r"nothing .* near enough: the best, .* wanted 0.60"):
        find(live, ["quarterly tax report"], library=str(library), minimum_score=0.6)


def test_without_a_library_it_says_how_to_give_one(live: Retrieval) -> None:
    with pytest.raises(SourceError, match="no library is given\n  fix: set the decoder's option"):
        find(live, ["x"])


def test_a_library_of_other_weights_is_refused(live: Retrieval, library: Path) -> None:
    other = decoder.image(RetrievalOptions())

    with pytest.raises(SourceError, match="another text encoder"):
        find(other, ["x"], library=str(library))


def test_a_library_that_is_indexed_anew_is_opened_anew(
    live: Retrieval, library: Path, tmp_path: Path
) -> None:
    asked = {"library": f"file:{library}", "minimum_score": -1.0}
    assert find(live, ["a blue boat"], **asked)[0].about["caption"] != "a blue boat"
    (tmp_path / "media" / "three.txt").write_text("unused: the captions say otherwise")
    index(
        Source(tmp_path / "media", {**CAPTIONS, "one.png": "a blue boat"}, CATALOG),
        library,
        live.text,
        sha256_of(WEIGHTS),
    )

    assert find(live, ["a blue boat"], **asked)[0].about["caption"] == "a blue boat"


def test_the_shipped_library_fits_the_shipped_weights_and_its_pictures(live: Retrieval) -> None:
    shipped = WEIGHTS.parents[1] / "shipped" / "library"

    asked = ["two frogs on white", "a lion", "the keys"]

    told = [found.about["caption"] for found in find(live, asked, library=str(shipped))]

    assert ["frog" in told[0], "lion" in told[1], "key" in told[2]] == [True] * 3
