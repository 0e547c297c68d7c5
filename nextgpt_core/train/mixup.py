"""Media mixed in pairs (mixup: Zhang et al., 2018), so that a projection reads between them.

Two prompts that show media alike are shown the same mixture of both, and each expects its own
answer with its own share of the weight. What combinations were never seen, of things and their
attributes, lies between those that were: projections of few media learn these by heart otherwise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from nextgpt_core.compose import FeatureKey, Prompt


@dataclass(frozen=True)
class Mixture:
    """How a batch is mixed; of itself, not at all."""

    media: Mapping[FeatureKey, tuple[FeatureKey, float]] = field(default_factory=dict)
    """The other medium of a mixture, and the share of the first."""

    weights: Mapping[int, float] = field(default_factory=dict)
    """Of prompts by their place, 1 where none is given; two that are mixed have 2 together."""


UNMIXED = Mixture()


def mixture(prompts: Sequence[Prompt], beta: float, *, seed: int) -> Mixture:
    """Pairs of prompts drawn from `seed`, in shares of the distribution Beta(`beta`, `beta`).

    Left as they are: prompts whose answers hold media, and those that show what another shows.
    """
    rng = Random(seed)
    shown = Counter(slot.key for prompt in prompts for slot in prompt.features)
    alike: dict[tuple[tuple[str, int], ...], list[int]] = {}
    for place, prompt in enumerate(prompts):
        alone = all(shown[slot.key] == 1 for slot in prompt.features)
        if prompt.features and alone and not prompt.groups:
            kind = tuple((slot.channel, slot.count) for slot in prompt.features)
            alike.setdefault(kind, []).append(place)
    media: dict[FeatureKey, tuple[FeatureKey, float]] = {}
    weights: dict[int, float] = {}
    for places in alike.values():
        rng.shuffle(places)
        for one, other in zip(places[::2], places[1::2], strict=False):
            share = rng.betavariate(beta, beta)
            weights |= {one: 2 * share, other: 2 * (1 - share)}
            for a, b in zip(prompts[one].features, prompts[other].features, strict=True):
                media |= {a.key: (b.key, share), b.key: (a.key, 1 - share)}
    return Mixture(media, weights)
