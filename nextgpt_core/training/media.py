"""What the losses are told about media: dialogues as prompts, captions as conditions.

Caption targets are made one at a time, so they are the same bits whatever else was in the batch.
Legend: N captions, T tokens and W width of a condition.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from nextgpt_core.assembly.components import LiveDecoder, check_conditions, named, on_device
from nextgpt_core.features.cache import TensorCache
from nextgpt_core.features.media import Features
from nextgpt_core.prompt.compose import Prompt
from nextgpt_core.system import System
from nextgpt_registry.errors import DecodeError
from nextgpt_registry.messages import Dialogue


@dataclass(frozen=True)
class Composing:
    """Dialogues as labelled prompts, with no answer asked for at their end."""

    system: System
    cache: TensorCache

    @cached_property
    def _features(self) -> Features:
        return Features(self.system, self.cache, training=True)

    def __call__(self, turns: Dialogue) -> Prompt:
        """A prompt."""
        positions = self._features.reading().positions(turns)
        return self.system.composer.compose(turns, feature_tokens=positions, answer=False)


def caption_targets(
    decoder: LiveDecoder, cache: TensorCache, captions: Sequence[str], device: torch.device
) -> dict[str, Tensor]:
    """N captions -> {condition: (N, T, W)}, by the decoder's own text encoder.

    It comes to its device once for all that are not cached, and not at all for none.
    """
    recipe = decoder.recipe
    each = list(dict.fromkeys(captions))
    found: dict[str, Tensor] = {}
    made: dict[str, dict[str, Tensor]] = {}

    with ExitStack() as call:

        def targets(caption: str) -> dict[str, Tensor]:
            if not made:
                call.enter_context(on_device(decoder.component, recipe))
            if caption not in made:
                with named(recipe, DecodeError):
                    told = dict(decoder.component.caption_targets([caption]))
                made[caption] = check_conditions(recipe.blame, decoder.spec, told, batch=1)
            return made[caption]

        for name in (condition.name for condition in decoder.spec.conditions):
            rows = cache.get_or_make(
                f"captions {recipe.fingerprint} {name}",
                each,
                lambda places, name=name: [targets(each[n])[name][0].float().cpu() for n in places],  # type: ignore[misc]
            )
            by_caption = dict(zip(each, rows, strict=True))
            found[name] = torch.stack([by_caption[caption] for caption in captions])
    return {name: rows.to(device) for name, rows in found.items()}
