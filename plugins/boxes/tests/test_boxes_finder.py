"""The finder answers from the conversation's latest picture, and says when there is none."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nextgpt_boxes.files import sample
from nextgpt_boxes.finder import Finder, boxes_of
from nextgpt_boxes.losses import cells_of, heat_loss, heat_of, overlaps
from nextgpt_boxes.medium import Box, Boxes, of_media
from nextgpt_boxes.network import CELLS, Seen
from nextgpt_boxes.options import TWIN, FinderOptions
from nextgpt_boxes.train.overlap import found, overlap, right
from nextgpt_boxes.words import labels
from nextgpt_registry.errors import DecodeError, SourceError
from nextgpt_registry.media import Media
from nextgpt_registry.protocols import DecodeBatch
from nextgpt_registry.tensors import save_compact
from nextgpt_world.vocabulary import vocabulary

OPTIONS = FinderOptions(**TWIN)
PICTURES = [Media("image", np.full((40, 50, 3), shade, np.uint8)) for shade in (10, 200)]


def ask(
    finder: Finder,
    taken: Sequence[Sequence[Media]],
    options: FinderOptions,
    caption: str = "the cat",
) -> list[Boxes]:
    conditions = finder.caption_targets([caption] * len(taken))
    chance = [torch.Generator() for _ in taken]
    batch = DecodeBatch(conditions, options=options, generators=chance, taken=taken)
    return [of_media(medium) for medium in finder.decode(batch)]


def test_the_latest_picture_is_looked_at() -> None:
    [made] = ask(Finder(OPTIONS).eval(), [PICTURES], OPTIONS)

    assert made.picture.sha256 == PICTURES[0].sha256
    assert (made.picture.width, made.picture.height) == (50, 40)


def test_without_a_picture_there_is_one_clear_error() -> None:
    with pytest.raises(DecodeError, match="no picture in the conversation") as raised:
        ask(Finder(OPTIONS).eval(), [PICTURES, []], OPTIONS)

    assert raised.value.fix == "show one before you ask where something is"


def test_a_request_says_how_sure_and_how_many() -> None:
    finder = Finder(OPTIONS).eval()

    few = ask(finder, [PICTURES], FinderOptions(**TWIN | {"most": 2}))[0]
    none = ask(finder, [PICTURES], FinderOptions(**TWIN | {"threshold": 1.0}))[0]

    assert len(few.boxes) == 2
    assert none.boxes == ()


def test_a_peak_is_one_box_with_the_name_that_is_seen_there() -> None:
    scores_GG = torch.zeros(CELLS, CELLS)
    scores_GG[2, 3], scores_GG[2, 4], scores_GG[6, 6] = 0.9, 0.8, 0.5
    named = torch.zeros(1, len(labels()), CELLS, CELLS)
    named[0, 5, 2, 3] = named[0, 7, 6, 6] = 1
    corners = torch.tensor([0.1, 0.2, 0.4, 0.6]).view(1, 4, 1, 1).expand(1, 4, CELLS, CELLS)

    made = boxes_of(Seen(scores_GG, named, corners), scores_GG, FinderOptions())

    assert [(box.label, box.score) for box in made] == [(labels()[5], 0.9), (labels()[7], 0.5)]
    assert made[0].corners == (0.1, 0.2, 0.4, 0.6)


def test_corners_of_a_picture_with_a_margin_are_those_of_the_picture() -> None:
    scores_GG = torch.zeros(CELLS, CELLS)
    scores_GG[4, 4] = 0.9
    corners = torch.tensor([0.25, 0.1, 0.5, 0.9]).view(1, 4, 1, 1).expand(1, 4, CELLS, CELLS)
    seen = Seen(scores_GG, torch.zeros(1, len(labels()), CELLS, CELLS), corners)

    [box] = boxes_of(seen, scores_GG, FinderOptions(), margin=0.5)

    assert box.corners == (0.0, 0.0, 0.5, 1.0)


def test_a_thing_that_fills_the_picture_is_found() -> None:
    with as_file(files("nextgpt_mini") / "systems" / "demo" / "dog.png") as path:
        whole = np.array(Image.open(path).convert("RGB"))
    dog = np.ascontiguousarray(whole[20:51, 24:57])
    finder, options = Finder(FinderOptions()).eval(), FinderOptions()
    with as_file(files("nextgpt_boxes") / "weights" / "finder.safetensors") as path:
        finder.load({"finder": path})

    [made] = ask(finder, [[Media("image", dog)]], options, "the dog")
    [other] = ask(finder, [[Media("image", dog)]], options, "the guitar")

    [box] = made.boxes
    assert box.label == "dog"
    assert overlap(box.corners, (0.0, 0.0, 1.0, 1.0)) > 0.8
    assert not other.boxes


def test_weights_that_name_other_things_are_refused(tmp_path: Path) -> None:
    save_compact(Finder(OPTIONS).state_dict(), tmp_path / "w", metadata={"labels": '["cat"]'})

    with pytest.raises(SourceError, match="names 1 things, and not those of"):
        Finder(OPTIONS).load({"finder": tmp_path / "w"})


def test_the_labels_are_the_things_of_the_world() -> None:
    assert labels() == vocabulary().objects


def test_wishes_that_mean_the_same_are_the_same_condition() -> None:
    text = Finder(OPTIONS).eval().caption_targets

    one, other, wide = text(["The ice cream", "the ice cream!", "the ice cream at the top"])["text"]

    assert torch.equal(one, other)
    assert not torch.allclose(one, wide, atol=0.1)


def test_heat_is_highest_at_the_centre_and_its_loss_lowest_where_it_should_be() -> None:
    wanted = heat_of([(0.1, 0.1, 0.3, 0.5)], CELLS)

    assert wanted.flatten().argmax() == 2 * CELLS + 1
    right_place, elsewhere = 8 * wanted - 4, 8 * wanted.T - 4
    both = heat_loss(torch.stack((right_place, elsewhere)), wanted.expand(2, -1, -1))
    assert both[0] < both[1] / 5


def test_cells_around_a_centre_are_taught_its_box_and_name() -> None:
    named, corners = cells_of([(0.5, 0.5, 0.75, 1.0)], [3], CELLS)

    assert named[6, 5] == 3
    assert named[0, 0] == -100
    assert corners[:, 6, 5].tolist() == [0.5, 0.5, 0.75, 1.0]


@pytest.mark.parametrize(
    ("other", "share"),
    [
        ((0.0, 0.0, 0.5, 0.5), 1.0),
        ((0.25, 0.0, 0.75, 0.5), 1 / 3),
        ((0.5, 0.5, 1.0, 1.0), 0.0),
        ((0.0, 0.0, 0.25, 0.25), 0.25),
    ],
)
def test_overlap_is_intersection_over_union(
    other: tuple[float, float, float, float], share: float
) -> None:
    one = (0.0, 0.0, 0.5, 0.5)

    assert overlap(one, other) == pytest.approx(share)
    assert overlaps(torch.tensor([one]), torch.tensor([other])).item() == pytest.approx(share)


def test_an_answer_is_right_with_every_box_and_no_other() -> None:
    cat = Box(label="cat", score=1, x0=0, y0=0, x1=0.5, y1=0.5)
    truth = {"cat": (0.0, 0.0, 0.5, 0.4)}

    assert right([cat], truth)
    assert not right([cat, cat], truth)
    assert not right([cat.model_copy(update={"label": "dog"})], truth)
    assert not right([cat.model_copy(update={"x1": 0.2})], truth)
    assert found([cat], "cat", truth["cat"])


def test_a_medium_without_a_preview_cannot_be_trained_on() -> None:
    finder, medium = Finder(OPTIONS), sample(0)
    conditions = finder.caption_targets(["the cat"])
    batch = DecodeBatch(conditions, options=OPTIONS, generators=[torch.Generator()])

    loss = finder.denoising_loss([medium], batch)

    assert loss.shape == (1,)
    assert loss.isfinite().all()
