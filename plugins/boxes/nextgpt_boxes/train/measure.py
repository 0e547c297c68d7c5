"""The finder driven by captions, on pictures with combinations that were never trained on.

Legend: G cells along a side.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch

from nextgpt_boxes.draw import overlay
from nextgpt_boxes.finder import Finder
from nextgpt_boxes.medium import Boxes, of_media
from nextgpt_boxes.options import FinderOptions
from nextgpt_boxes.train import asked
from nextgpt_boxes.train.asked import Asked
from nextgpt_boxes.train.finder import WEIGHTS
from nextgpt_boxes.train.overlap import Corners, right
from nextgpt_boxes.train.scenes import compose, render
from nextgpt_registry.media import Media
from nextgpt_registry.protocols import DecodeBatch
from nextgpt_world.library import Library
from nextgpt_world.sheet import save_sheet as save_grid
from nextgpt_world.split import Split

_SHOWN, _COLUMNS = 24, 6


@dataclass(frozen=True)
class Tried:
    """A question about a picture, what is true, and what the finder answered."""

    asked: Asked
    picture: Media
    truth: dict[str, Corners]
    answer: Boxes

    @property
    def right(self) -> bool:
        """Whether number, names and overlaps are."""
        return right(self.answer.boxes, self.truth)


def measure(
    library: Library,
    count: int,
    *,
    split: Split = "held_out",
    weights: Path | None = None,
    sheet: Path | None = None,
) -> dict[str, float]:
    """By what is asked for: the share of `count` answers that are right; and of them all."""
    finder = Finder(FinderOptions()).eval()
    finder.load({"finder": weights or WEIGHTS})
    marks: dict[str, list[bool]] = defaultdict(list)
    tried = []
    for one in attempts(finder, library, count, split=split):
        marks[one.asked.kind].append(one.right)
        marks["every kind"].append(one.right)
        tried.append(one)
    if sheet is not None:
        save_sheet(tried[:_SHOWN], sheet)
    return {kind: sum(each) / len(each) for kind, each in sorted(marks.items())}


def attempts(finder: Finder, library: Library, count: int, *, split: Split) -> Iterator[Tried]:
    """The same questions at every call; the first of more are those of fewer."""
    for n in range(count):
        rng = Random(f"measure {split} {n}")
        scene = compose(rng, split=split, names=library.things)
        said = asked.draw(rng, scene)
        picture, corners = render(scene, library, rng.getrandbits(63))
        [made] = finder.decode(
            DecodeBatch(
                finder.caption_targets([said.caption]),
                options=FinderOptions(),
                generators=[torch.Generator()],
                taken=[[picture]],
            )
        )
        pairs = zip(scene.things, corners, strict=True)
        truth = {t.concept: box for t, box in pairs if t in said.things}
        yield Tried(said, picture, truth, of_media(made))


def save_sheet(tried: Sequence[Tried], path: Path) -> None:
    """A grid of pictures with the boxes found; those that are wrong have a red margin."""
    cells = []
    for one in tried:
        margin = (40, 160, 60) if one.right else (220, 30, 30)
        drawn = overlay(one.answer, one.picture.data)
        cell = np.empty((drawn.shape[0] + 8, drawn.shape[1] + 8, 3), np.uint8)
        cell[:] = margin
        cell[4:-4, 4:-4] = drawn
        cells.append(cell)
    save_grid(cells, path, columns=_COLUMNS)
