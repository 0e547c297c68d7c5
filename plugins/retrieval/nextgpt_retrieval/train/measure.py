"""How well captions find each other, without a language model: recall at 1 and at 5.

Of mini's world on scenes with a held-out combination, said in other words; and of a hundred
everyday captions that have nothing to do with it. Trains nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from random import Random

import torch

from nextgpt_retrieval.text import CaptionEncoder
from nextgpt_world.scene import caption, phrase
from nextgpt_world.split import sample_scene

_SCENES = 400


@torch.no_grad()
def recall(
    encoder: CaptionEncoder, captions: Sequence[str], asked: Sequence[str]
) -> Mapping[str, float]:
    """The share of requests whose own caption is the nearest, and is among the five nearest."""
    scores = encoder(asked) @ encoder(captions).T
    own = scores.diagonal()[:, None]
    rank = (scores > own).sum(1)
    return {f"recall@{k}": round(float((rank < k).float().mean()), 4) for k in (1, 5)}


def of_the_world() -> tuple[list[str], list[str]]:
    """Captions of different held-out scenes of all kinds, and each in other words."""
    rng = Random("measure")
    found = {}
    for _ in range(_SCENES):
        scene = sample_scene(rng.choice(("image", "video", "audio")), rng, split="held_out")
        found[caption(scene)] = next(
            p for _ in range(99) if (p := phrase(scene, rng)) != caption(scene)
        )
    return list(found), list(found.values())


def of_every_day() -> tuple[list[str], list[str]]:
    """A hundred captions as people give their media, and what they type to find them again."""
    text = files("nextgpt_retrieval.train").joinpath("everyday.jsonl").read_text("utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    return [row["caption"] for row in rows], [row["asked"] for row in rows]


def measure(encoder: CaptionEncoder) -> dict[str, Mapping[str, float]]:
    """Both."""
    return {"world": recall(encoder, *of_the_world()), "everyday": recall(encoder, *of_every_day())}
