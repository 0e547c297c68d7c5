"""Train and measure the judges: `train_judge("image")`. Knows nothing about the system judged."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import numpy as np
import torch
from torch import Generator, Tensor

from nextgpt_core.training.module import Run, quickly, train
from nextgpt_registry.content import replace_file
from nextgpt_registry.fetch.cache import cache_dir
from nextgpt_registry.fetch.progress import tracked
from nextgpt_registry.media import Media
from nextgpt_registry.tensors import save_compact
from nextgpt_world.examples import draw
from nextgpt_world.judge.blemishes import blemish_pictures, blemish_sounds
from nextgpt_world.judge.inputs import to_input
from nextgpt_world.judge.media import WEIGHTS, MediaJudge
from nextgpt_world.judge.network import Network
from nextgpt_world.judge.questions import labels
from nextgpt_world.library import Library
from nextgpt_world.render import render
from nextgpt_world.scene import Scene, facts
from nextgpt_world.split import Kind
from nextgpt_world.train.parts import shares_right, wrong

STEPS: dict[Kind, int] = {"image": 2000, "video": 1500, "audio": 700}
_BATCH: dict[Kind, int] = {"image": 96, "video": 16, "audio": 64}
_BANK: dict[Kind, int] = {"image": 20_000, "video": 6_000, "audio": 5_000}
_CHECKED = 2_000


def train_judge(
    kind: Kind,
    library: Library,
    *,
    steps: int | None = None,
    folder: Path = WEIGHTS,
    home: Path | None = None,
    examples: int | None = None,
) -> dict[str, float]:
    """Train a judge, or go on where a killed run stopped, and write it; returns its ceiling.

    It is written to `folder`, its run lies in `home` (default: in the cache), and it sees and is
    measured on so many `examples`, where fewer will do.

    Raises:
        SourceError: clips are to be judged and there is no judge of pictures to start from.
    """
    place = home or cache_dir() / "runs" / "world"
    with Run(place / f"judge-{kind}", steps or STEPS[kind]) as run:
        _train(kind, library, run, folder, examples)
        ceiling = measure(kind, library, folder=folder, count=examples or _CHECKED)
        run.log(**ceiling)
    _note(kind, ceiling, folder / "ceilings.json")
    return ceiling


def _train(kind: Kind, library: Library, run: Run, folder: Path, examples: int | None) -> None:
    torch.manual_seed(0)
    network = Network(kind)
    clips = kind == "video"
    if clips:  # a clip's frames are pictures; the run's own checkpoint, if any, comes on top
        network.eye.load_state_dict(MediaJudge("image", folder).network.eye.state_dict())
    batch = min(_BATCH[kind], examples or _BATCH[kind])
    bank = _bank(kind, library, examples or _BANK[kind])

    def loss(step: int) -> Tensor:
        generator = Generator().manual_seed(step)
        torch.manual_seed(step)  # dropout
        chosen = torch.randint(len(bank[0]), (batch,), generator=generator)
        x, wanted = bank[0][chosen], bank[1][chosen]
        if kind == "audio":
            x = blemish_sounds(x.float(), generator)
        else:
            x = x.float() / 127.5 - 1
            frames = x.flatten(1, 2) if clips else x
            x = blemish_pictures(frames, generator).view_as(x)
        with quickly():
            scores = network(x if clips else x.contiguous(memory_format=torch.channels_last))
        return wrong(scores, wanted)

    network.train()
    train(run, f"{kind} judge", network, loss, lr=3e-3, decay=0.98, warmup=50)
    save_compact(network.state_dict(), folder / f"{kind}.safetensors")


def measure(
    kind: Kind, library: Library, *, folder: Path = WEIGHTS, count: int = _CHECKED
) -> dict[str, float]:
    """By fact: the share that the written judge gets right on fresh renderings of all scenes."""
    media, scenes = [], []
    for n in range(count):
        scene, medium = _example(kind, library, f"judge check {n}")
        media.append(medium)
        scenes.append(scene)
    return shares_right(MediaJudge(kind, folder).facts(media), map(facts, scenes))


def _example(kind: Kind, library: Library, seed: str) -> tuple[Scene, Media]:
    rng = Random(f"{kind} {seed}")
    scene = draw(kind, rng, library, split=None)
    return scene, render(scene, library, np.random.default_rng(rng.getrandbits(63)))


def _bank(kind: Kind, library: Library, count: int) -> tuple[Tensor, Tensor]:
    """Rendered examples of both styles and both sides of the split: inputs and labels."""
    inputs, wanted = [], []
    for n in tracked(range(count), f"examples for the {kind} judge", count):
        scene, medium = _example(kind, library, f"judge train {n}")
        x = to_input(kind, [medium])
        inputs.append(x.half() if kind == "audio" else ((x + 1) * 127.5).round().to(torch.uint8))
        wanted.append(labels(scene))
    return torch.cat(inputs), torch.tensor(wanted)


def _note(kind: Kind, ceiling: dict[str, float], path: Path) -> None:
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    told = json.dumps({**known, kind: ceiling}, indent=1, sort_keys=True) + "\n"
    replace_file(path, told.encode())
