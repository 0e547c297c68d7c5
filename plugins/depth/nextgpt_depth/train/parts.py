"""The parts of the plugin that are trained, each by one resumable call that ends in a file.

`text` comes before `decoder`; the others stand by themselves.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Generator

from nextgpt_core.training.module import Run
from nextgpt_depth.captions import CaptionEncoder
from nextgpt_depth.decoder import DepthDecoder
from nextgpt_depth.encoder import DepthEncoder
from nextgpt_depth.options import DecoderOptions, EncoderOptions
from nextgpt_depth.show import colours
from nextgpt_depth.train.bank import Bank, Drawn, bank
from nextgpt_depth.train.decoder import train_decoder
from nextgpt_depth.train.describe import stated
from nextgpt_depth.train.judge import WEIGHTS, DepthJudge, Network
from nextgpt_depth.train.quiz import train_encoder, train_judge, train_text
from nextgpt_depth.train.scenes import DepthRenderer
from nextgpt_depth.train.steps import STEPS
from nextgpt_registry.content import replace_file
from nextgpt_registry.errors import TrainingError
from nextgpt_registry.media import Media
from nextgpt_registry.protocols import DecodeBatch
from nextgpt_registry.tensors import load_compact, save_compact
from nextgpt_world.library import Library
from nextgpt_world.sheet import save_sheet
from nextgpt_world.train.parts import run_of, shares_right

_EXAMPLES = 3_000
_CHECKED = 400


def train_part(
    part: str,
    library: Library,
    *,
    steps: int | None = None,
    folder: Path | None = None,
    examples: int | None = None,
) -> Path:
    """Train `part`, or go on training it, and write its weights; returns the file.

    With a `folder`, runs and weights lie there, and not in the cache and in this package.

    Raises:
        TrainingError: no such part, or one it builds on is missing.
    """
    with run_of(part, "depth", STEPS, steps=steps, folder=folder) as run:
        weights = folder / "weights" if folder else WEIGHTS
        return _train(part, library, run, weights, examples or _EXAMPLES)


def _train(part: str, library: Library, run: Run, weights: Path, count: int) -> Path:
    torch.manual_seed(0)
    if part == "text":
        text = CaptionEncoder()
        train_text(text, run)
        return _write(weights, part, text)
    if part == "encoder":
        encoder = DepthEncoder(EncoderOptions())
        train_encoder(encoder, _bank(run, Drawn("encoder"), library, count), run)
        return _write(weights, part, encoder)
    if part == "judge":
        torch.manual_seed(1)
        network = Network()
        train_judge(network, _bank(run, Drawn("judge", split=None), library, count), run)
        path = _write(weights, part, network)
        _note(measure(library, folder=weights, count=min(count, _CHECKED)), weights)
        return path
    return _decoder(library, run, weights, count)


def measure(library: Library, *, folder: Path = WEIGHTS, count: int = _CHECKED) -> dict[str, float]:
    """By fact: the share that the judge gets right on fresh true maps of all scenes."""
    renderer, drawn = DepthRenderer(library), Drawn("judge check", split=None)
    scenes = [drawn.scene(number, library) for number in range(count)]
    maps = [renderer.depth(scene, seed) for scene, seed in scenes]
    return shares_right(DepthJudge(folder).facts(maps), (stated(scene) for scene, _ in scenes))


def _decoder(library: Library, run: Run, weights: Path, count: int) -> Path:
    text = weights / "text.safetensors"
    if not text.exists():
        raise TrainingError("depth", f"{text} is missing", "`nextgpt depth train text` first")
    decoder = DepthDecoder(DecoderOptions())
    decoder.text.load_state_dict(load_compact(text))
    drawn = _bank(run, Drawn("decoder", tidy=True), library, count)
    captions = list(dict.fromkeys(drawn.captions))[:32]

    def look() -> None:
        cells = [colours(depths) for depths in made(decoder, captions)]
        save_sheet(cells, run.folder / f"{run.step:05}.png", columns=8)

    train_decoder(decoder, drawn, run, sample=look)
    look()
    return _write(weights, "denoiser", decoder.denoiser)


def made(decoder: DepthDecoder, captions: list[str]) -> list[Media]:
    """What the decoder makes of captions, each from a seed of its own."""
    conditions = decoder.caption_targets(captions)
    seeds = [Generator().manual_seed(n) for n in range(len(captions))]
    return decoder.decode(DecodeBatch(conditions, options=DecoderOptions(), generators=seeds))


def _bank(run: Run, drawn: Drawn, library: Library, count: int) -> Bank:
    return bank(drawn, library, count, run.folder / f"bank-{count}.safetensors")


def _write(folder: Path, name: str, module: torch.nn.Module) -> Path:
    path = folder / f"{name}.safetensors"
    save_compact(module.state_dict(), path)
    return path


def _note(ceiling: dict[str, float], folder: Path) -> None:
    replace_file(folder / "ceiling.json", (json.dumps(ceiling, indent=1) + "\n").encode())
