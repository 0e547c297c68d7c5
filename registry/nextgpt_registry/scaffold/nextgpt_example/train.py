"""Train the models of this plugin, before a language model meets them.

`python -m nextgpt_example.train`: half a minute on a laptop, and what was killed goes on. Writes
`weights/`, which belongs to the package. B batch.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import torch
from nextgpt_core.training.module import Run, train
from nextgpt_registry import Media
from nextgpt_registry.aside import replacing
from nextgpt_registry.fetch.cache import cache_dir
# +decoder
from nextgpt_registry.protocols import DecodeBatch
# -decoder
from safetensors.torch import save_file
from torch import Tensor

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


def main(folder: Path = WEIGHTS, runs: Path | None = None, steps: int = 600) -> None:
    """Train, and write a file for each model; remove what is in `runs` to begin anew."""
    runs = runs or cache_dir() / "runs" / "example"
    folder.mkdir(exist_ok=True)
    models = {
        # +encoder
        "encoder": encoder,
        # -encoder
        # +decoder
        "decoder": decoder,
        # -decoder
    }
    for name, model in models.items():
        with replacing(folder / f"{name}.safetensors") as fresh:  # whole, or not there
            save_file(model(Run(runs / name, steps)).state_dict(), fresh)
    print(f"written: {folder}")
# +encoder


def encoder(run: Run) -> Windows:
    """From its features a linear map has to tell what is shown; the map is thrown away."""
    model = Windows(EncoderOptions())
    torch.manual_seed(0)
    tell = torch.nn.Linear(8 * 32, len(CAPTIONS))

    def loss(step: int) -> Tensor:
        wanted_B, media = drawn(f"encoder {step}")
        found_BC = tell(model(model.preprocess(media)).flatten(1))
        return torch.nn.functional.cross_entropy(found_BC, torch.tensor(wanted_B))

    train(run, "example encoder", torch.nn.ModuleList([model, tell]), loss, lr=5e-3, warmup=30, decay=0)
    return model
# -encoder
# +decoder


def decoder(run: Run) -> Waves:
    """From noise and the words of a caption it has to find what is shown."""
    model = Waves(DecoderOptions())

    def loss(step: int) -> Tensor:
        wanted_B, media = drawn(f"decoder {step}")
        words = model.caption_targets([CAPTIONS[one] for one in wanted_B])
        chance = torch.Generator().manual_seed(step)
        options, chances = DecoderOptions(), [chance] * BATCH
        batch = DecodeBatch(words, options=options, generators=chances)
        return model.denoising_loss(media, batch).mean()

    train(run, "example decoder", model.net, loss, lr=5e-3, warmup=30, decay=0)
    return model
# -decoder


def drawn(seed: str) -> tuple[list[int], list[Media]]:
    """B numbers of captions, and a medium of each."""
    chance = Random(seed)
    wanted_B = [chance.randrange(len(CAPTIONS)) for _ in range(BATCH)]
    return wanted_B, [shown(CAPTIONS[one], chance) for one in wanted_B]


if __name__ == "__main__":
    main()
