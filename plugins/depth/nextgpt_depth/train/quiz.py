"""Train what reads: the encoder, the judge and the caption encoder, each to answer four questions.

What, how many, where, how large. The heads that answer are left behind, but for the judge's.
"""

from __future__ import annotations

from random import Random

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import pixel_unshuffle

from nextgpt_core.training.module import Run, quickly, train
from nextgpt_depth.captions import CaptionEncoder
from nextgpt_depth.encoder import DepthEncoder
from nextgpt_depth.options import SLOT_WIDTH, TOKENS, WIDTH
from nextgpt_depth.train.bank import Bank
from nextgpt_depth.train.describe import FACTS, answers, caption, spoken, stated
from nextgpt_depth.train.judge import Network
from nextgpt_world.judge.blemishes import blemish_pictures
from nextgpt_world.scene import Picture
from nextgpt_world.split import check_trainable, sample_scene
from nextgpt_world.train.parts import drawn, wrong

_CELL = 16
"""Pixels of a map, along one side, that are one of the encoder's cells."""
_SEEN = 4
"""Numbers of a cell's copy, along one side."""


class _Cells(nn.Module):
    """The encoder and what it is taught by: answers, and its own cell of the map."""

    def __init__(self, encoder: DepthEncoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.where = nn.Linear(WIDTH, 16)
        width = WIDTH + 16 * TOKENS
        self.heads = nn.ModuleList(nn.Linear(width, len(answers(fact))) for fact in FACTS)
        self.copy = nn.Linear(WIDTH, _SEEN**2)

    def forward(self, x_BCHW: Tensor) -> tuple[list[Tensor], Tensor]:
        cells_BTD = self.encoder(x_BCHW)
        seen = torch.cat([cells_BTD.mean(1), self.where(cells_BTD).flatten(1)], 1)
        return [head(seen) for head in self.heads], self.copy(cells_BTD)


def train_encoder(encoder: DepthEncoder, bank: Bank, run: Run, *, batch: int = 48) -> None:
    """Answers from all cells together, and of each cell a coarse copy of what it shows."""
    module = _Cells(encoder).train()

    def loss(step: int) -> Tensor:
        x, wanted = _batch(bank, step, batch)
        with quickly():
            scores, copied_BTP = module(x)
        coarse = nn.functional.avg_pool2d(x, _CELL // _SEEN)
        shown_BTP = pixel_unshuffle(coarse, _SEEN).flatten(2).transpose(1, 2)
        return wrong(scores, wanted) + (copied_BTP.float() - shown_BTP).square().mean()

    train(run, "depth encoder", module, loss, lr=3e-3, decay=0.98, warmup=30)
    encoder.eval()


def train_judge(network: Network, bank: Bank, run: Run, *, batch: int = 64) -> None:
    """As the encoder, with maps of both sides of the split and weights of its own."""
    network.train()

    def loss(step: int) -> Tensor:
        torch.manual_seed(step)  # dropout
        x, wanted = _batch(bank, step, batch)
        with quickly():
            scores = network(x)
        return wrong(scores, wanted)

    train(run, "depth judge", network, loss, lr=3e-3, decay=0.98, warmup=30)
    network.eval()


class _Slots(nn.Module):
    def __init__(self, encoder: CaptionEncoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.heads = nn.ModuleList(nn.Linear(SLOT_WIDTH, len(answers(f)) + 1) for f in FACTS)

    def forward(self, texts: list[str]) -> list[Tensor]:
        slots_BTD = self.encoder(texts)
        return [head(slots_BTD[:, n]) for n, head in enumerate(self.heads)]


def train_text(encoder: CaptionEncoder, run: Run, *, batch: int = 96) -> float:
    """Each slot answers its question; returns the share of captions with four right answers."""
    torch.manual_seed(0)
    module = _Slots(encoder).train()

    def loss(step: int) -> Tensor:
        texts, wanted = drawn(_caption, f"depth text {step}", batch)
        return wrong(module(texts), wanted)

    inner = [p for p in encoder.layers.parameters() if p.dim() == 2]
    train(run, "caption encoder", module, loss, lr=3e-3, decay=0.98, warmup=30, matrices=inner)
    encoder.eval()
    with torch.no_grad():
        texts, wanted = drawn(_caption, "depth text check", batch)
        right = [s.argmax(-1) == wanted[:, n] for n, s in enumerate(module.eval()(texts))]
    share = float(torch.stack(right).all(0).float().mean())
    run.log(all_answers_right=share)
    return share


def _caption(rng: Random) -> tuple[str, list[int]]:
    """A wording and the answers it gives; the last answer is that it does not say."""
    if rng.random() < 0.03:
        return "", [len(answers(fact)) for fact in FACTS]
    scene = check_trainable(sample_scene("image", rng))
    assert isinstance(scene, Picture)
    told = stated(scene)
    text = caption(scene) if rng.random() < 0.5 else spoken(scene, rng)
    wanted = [answers(f).index(told[f]) if f in told else len(answers(f)) for f in FACTS]
    return text, wanted


def _batch(bank: Bank, step: int, batch: int) -> tuple[Tensor, Tensor]:
    """Maps with blemishes, so that what a decoder makes is read as well, and the right answers."""
    generator = Generator().manual_seed(step)
    rows = torch.randint(len(bank.maps), (batch,), generator=generator)
    return blemish_pictures(bank.maps[rows].float(), generator), bank.labels[rows]
