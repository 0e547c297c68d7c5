"""Train the denoiser on rendered depth maps and their captions."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from nextgpt_core.training.module import Run, quickly, train
from nextgpt_depth.decoder import DepthDecoder
from nextgpt_depth.train.bank import Bank


def train_decoder(
    decoder: DepthDecoder,
    bank: Bank,
    run: Run,
    *,
    batch: int = 32,
    drop: float = 0.1,
    sample: Callable[[], None] | None = None,
) -> None:
    """Flow matching with conditions dropped at the rate `drop`, for guidance."""
    decoder.requires_grad_(False)
    decoder.denoiser.requires_grad_(True)
    with torch.no_grad():
        known = {text: n for n, text in enumerate(dict.fromkeys(bank.captions))}
        table_KTD = decoder.text(list(known))
        nothing = decoder.text([""])
    index = torch.tensor([known[text] for text in bank.captions])

    def loss(step: int) -> Tensor:
        generator = Generator().manual_seed(step)
        rows = torch.randint(len(bank.maps), (batch,), generator=generator)
        dropped = torch.rand(batch, generator=generator) < drop
        text_BTD = torch.where(dropped[:, None, None], nothing, table_KTD[index[rows]])
        with quickly():
            losses = decoder.map_loss(bank.maps[rows].float(), text_BTD, [generator] * batch)
        return losses.mean()

    train(
        run, "depth decoder", decoder.denoiser, loss, lr=2e-3, decay=0.98, warmup=30, sample=sample
    )
