"""Train the models of this plugin, before a language model meets them.

`python -m nextgpt_example.train`: half a minute on a laptop. Writes `weights/`, which belongs to the package. B batch.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import torch
from nextgpt_registry import Media
from nextgpt_registry.aside import replacing
from nextgpt_registry.fetch.progress import tracked
from safetensors.torch import save_file
from torch import Tensor, nn

from nextgpt_example.data import CAPTIONS, shown
# +decoder
from nextgpt_example.decoder import Waves
# -decoder
# +encoder
from nextgpt_example.encoder import Windows
# -encoder
from nextgpt_example.options import (
    # +decoder
    DecoderOptions,
    # -decoder
    # +encoder
    EncoderOptions,
    # -encoder
)

WEIGHTS = Path(__file__).parent / "weights"
BATCH = 32


def main(folder: Path = WEIGHTS, steps: int = 600) -> None:
    """Train, and write a file for each model."""
    folder.mkdir(exist_ok=True)
    torch.manual_seed(0)
    models = {
        # +encoder
        "encoder": encoder,
        # -encoder
        # +decoder
        "decoder": decoder,
        # -decoder
    }
    for name, train in models.items():
        with replacing(folder / f"{name}.safetensors") as fresh:  # whole, or not there
            save_file(train(steps).state_dict(), fresh)
    print(f"written: {folder}")
# +encoder


def encoder(steps: int) -> Windows:
    """From its features a linear map has to tell what is shown; the map is thrown away."""
    model = Windows(EncoderOptions())
    tell = nn.Linear(8 * 32, len(CAPTIONS))

    def loss(step: int) -> Tensor:
        wanted_B, media = drawn(f"encoder {step}")
        found_BC = tell(model(model.preprocess(media)).flatten(1))
        return nn.functional.cross_entropy(found_BC, torch.tensor(wanted_B))

    fit("encoder", [*model.parameters(), *tell.parameters()], loss, steps)
    return model
# -encoder
# +decoder


def decoder(steps: int) -> Waves:
    """From noise and the words of a caption it has to find what is shown."""
    model = Waves(DecoderOptions())

    def loss(step: int) -> Tensor:
        wanted_B, media = drawn(f"decoder {step}")
        words = model.caption_targets([CAPTIONS[one] for one in wanted_B])
        return model.denoising_loss(media, words, [torch.Generator().manual_seed(step)] * BATCH).mean()

    fit("decoder", list(model.net.parameters()), loss, steps)
    return model
# -decoder


def drawn(seed: str) -> tuple[list[int], list[Media]]:
    """B numbers of captions, and a medium of each."""
    chance = Random(seed)
    wanted_B = [chance.randrange(len(CAPTIONS)) for _ in range(BATCH)]
    return wanted_B, [shown(CAPTIONS[one], chance) for one in wanted_B]


def fit(
    name: str, parameters: list[nn.Parameter], loss: Callable[[int], Tensor], steps: int
) -> None:
    """Make the loss of a step small; says now and then how far it is."""
    optimizer = torch.optim.AdamW(parameters, lr=5e-3)
    for step in tracked(range(steps), name, steps):
        optimizer.zero_grad()
        value = loss(step)
        value.backward()
        optimizer.step()
    print(f"{name}: loss {value.item():.3f}")


if __name__ == "__main__":
    main()
