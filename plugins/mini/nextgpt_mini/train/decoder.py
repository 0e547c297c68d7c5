"""Train one of mini's flow decoders on latents of rendered scenes.

The autoencoder and the text encoder are frozen, so latents and conditions are computed once
into a bank on disk; a step draws its batch, times and noise from its own number alone. Attention
is the plain kind: on a CPU the backward of the fused one costs a third of a step.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Generator, Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from nextgpt_core.training.module import Run, quickly, train
from nextgpt_mini.flow import FlowDecoder
from nextgpt_registry.aside import replacing
from nextgpt_registry.media import Media

Example = tuple[Media, str]


def build_bank(
    decoder: FlowDecoder, draw: Callable[[int], Example], count: int, path: Path, *, chunk: int = 64
) -> float:
    """Encode `count` examples once: latents in fp16, and which caption each one has.

    Returns the seconds it took; 0 if they were there.
    """
    if path.exists():
        return 0.0
    began = time.monotonic()
    latents: list[Tensor] = []
    captions: dict[str, int] = {}
    index: list[int] = []
    for start in range(0, count, chunk):
        examples = [draw(n) for n in range(start, min(start + chunk, count))]
        with quickly():
            latents.append(decoder.encode([media for media, _ in examples]).half())
        index += [captions.setdefault(caption, len(captions)) for _, caption in examples]
    table = torch.cat([decoder.text([c]) for c in captions]).detach()
    rendered = {"latents": torch.cat(latents), "index": torch.tensor(index), "table": table}
    with replacing(path) as aside:
        save_file(rendered, str(aside))
    return time.monotonic() - began


def read_bank(path: Path) -> tuple[Tensor, Tensor, Tensor]:
    """(N, c, f, h, w) latents, (N,) caption numbers, (K, T, D) conditions."""
    with safe_open(str(path), "pt") as bank:
        return bank.get_tensor("latents"), bank.get_tensor("index"), bank.get_tensor("table")


def train_decoder(
    decoder: FlowDecoder,
    bank: Path,
    run: Run,
    *,
    batch: int,
    lr: float = 1e-3,
    drop: float = 0.1,
    sample: Callable[[], None] | None = None,
) -> None:
    """Flow matching with conditions dropped at the rate `drop`, for guidance."""
    latents, index, table = read_bank(bank)
    decoder.requires_grad_(False)
    decoder.denoiser.requires_grad_(True)
    with torch.no_grad():
        nothing = decoder.text([""])

    def loss(step: int) -> Tensor:
        generator = Generator().manual_seed(step)
        rows = torch.randint(len(latents), (batch,), generator=generator)
        text_BTD = table[index[rows]]
        dropped = torch.rand(batch, generator=generator) < drop
        text_BTD = torch.where(dropped[:, None, None], nothing, text_BTD)
        with quickly(), sdpa_kernel(SDPBackend.MATH):
            losses = decoder.latent_loss(latents[rows].float(), text_BTD, [generator] * batch)
        return losses.mean()

    inner = [p for p in decoder.denoiser.blocks.parameters() if p.dim() == 2]
    title = type(decoder).__name__
    train(run, title, decoder.denoiser, loss, lr=lr, matrices=inner, sample=sample)
