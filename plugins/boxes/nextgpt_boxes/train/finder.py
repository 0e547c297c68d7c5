"""Train the finder on captions and pictures, or go on with that. Measures nothing.

Every example follows from the step's number alone, so a killed run goes on with the same ones. The
conditions carry noise, as a language model will not hit them exactly. Legend: B batch, T D tokens
and width of the condition, C channels, G cells along a side.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random

import torch
from torch import Tensor

from nextgpt_boxes.finder import Finder
from nextgpt_boxes.losses import cells_of, heat_loss, heat_of, seen_loss
from nextgpt_boxes.network import CELLS
from nextgpt_boxes.options import FinderOptions
from nextgpt_boxes.train import asked
from nextgpt_boxes.train.bank import Drawn, build, published_trunk
from nextgpt_boxes.train.overlap import Corners
from nextgpt_boxes.train.scenes import Composition
from nextgpt_boxes.words import labels
from nextgpt_core.training.module import Run, train
from nextgpt_registry.fetch.cache import cache_dir
from nextgpt_registry.tensors import save_compact
from nextgpt_world.library import Library

WEIGHTS = Path(__file__).parent.parent / "weights" / "finder.safetensors"
STEPS = 2300
PICTURES = 3000
_BATCH = 32
_NOISE = 0.3
"""Of the conditions, whose own spread is 1."""
_ABSENT = 0.1


def train_finder(
    library: Library,
    *,
    steps: int | None = None,
    pictures: int | None = None,
    folder: Path | None = None,
) -> Path:
    """The file of trained weights: in `folder` with the run, or else in this package.

    One process at a time trains in a folder.

    Raises:
        SourceError: the published trunk cannot be fetched.
        TrainingError: another process trains in this folder.
    """
    home = folder or cache_dir() / "runs" / "boxes"
    weights = folder / WEIGHTS.name if folder else WEIGHTS
    finder = Finder(FinderOptions())
    with Run(home, steps or STEPS) as run:
        published_trunk(finder.network.trunk)
        bank = build(finder.network.trunk, library, home / "pictures", pictures or PICTURES)
        train(
            run,
            "finder",
            finder,
            lambda step: _losses(finder, bank, step),
            lr=2e-3,
            decay=0,
            warmup=50,
            tail=0.5,
        )
    save_compact(finder.state_dict(), weights, metadata={"labels": json.dumps(labels())})
    return weights


def _losses(finder: Finder, bank: tuple[Tensor, list[Drawn]], step: int) -> dict[str, Tensor]:
    rng = Random(f"step {step}")
    chosen = [rng.randrange(len(bank[1])) for _ in range(_BATCH)]
    rows = [_targets(*bank[1][n], rng) for n in chosen]
    captions, heats, names, boxes = zip(*rows, strict=True)
    seen = finder.network.name(bank[0][chosen].float())
    text_BTD = finder.text(captions)
    noise = torch.randn(text_BTD.shape, generator=torch.Generator().manual_seed(step))
    heat_BGG = finder.network.ask(seen, text_BTD + _NOISE * noise)
    named, boxed = seen_loss(seen, torch.stack(names), torch.stack(boxes))
    return {"heat": heat_loss(heat_BGG, torch.stack(heats)).mean(), "label": named, "box": boxed}


def _targets(
    scene: Composition, corners: Sequence[Corners], rng: Random
) -> tuple[str, Tensor, Tensor, Tensor]:
    """A caption of something in a picture, where that is, and all that is in it."""
    said = (asked.absent if rng.random() < _ABSENT else asked.draw)(rng, scene)
    meant = [c for t, c in zip(scene.things, corners, strict=True) if t in said.things]
    numbers = [labels().index(thing.concept) for thing in scene.things]
    return said.caption, heat_of(meant, CELLS), *cells_of(corners, numbers, CELLS)
