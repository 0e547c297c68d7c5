"""What encoders and decoders tell about the media of a batch, each medium asked about once.

Features and caption targets are made one at a time and rounded before they are used, so they are
the same bits whether they were cached, and whatever else was in the batch. Legend: T tokens of an
encoder, T' positions in the language model, W width of an encoder, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nextgpt_core.assembly.boundary import check_conditions
from nextgpt_core.assembly.components import named, on_device
from nextgpt_core.prompt.positions import FeatureKey, FeatureSlot, Prompt
from nextgpt_core.system import LiveDecoder, System
from nextgpt_core.training.cache import TensorCache
from nextgpt_registry.errors import DecodeError
from nextgpt_registry.media import Media
from nextgpt_registry.messages import Dialogue


@dataclass(frozen=True)
class Composing:
    """Dialogues as prompts, for training."""

    system: System
    cache: TensorCache

    def __call__(self, turns: Dialogue) -> Prompt:
        """A labelled prompt, with no answer asked for at its end."""
        return self.prompt(turns, answer=False)

    def prompt(self, turns: Dialogue, *, answer: bool) -> Prompt:
        """A prompt, ending where an answer begins if `answer` is set."""
        return self.system.model.composer.compose(
            turns, feature_tokens=self._positions(turns), answer=answer
        )

    def _positions(self, turns: Dialogue) -> dict[Any, int]:
        model = self.system.model
        counts: dict[Any, int] = {}  # by channel or, where lengths vary, by FeatureKey
        for channel, projection in model.inputs.items():
            spec = self.system.encoders[channel].spec
            if not spec.varying:
                counts[channel] = projection.tokens_of(spec.tokens)  # type: ignore[operator]
        for turn in turns:
            for part in turn.media if turn.role != "assistant" else ():
                if part.channel in counts or part.channel not in model.inputs or not part.media:
                    continue
                features_TW = encoder_features(self.system, self.cache, part.channel, [part.media])
                with torch.no_grad():
                    projected = model.project_in(part.channel, features_TW[0][None].float())
                counts[part.channel, part.media.sha256] = projected.shape[1]
        return counts


def encoder_features(
    system: System, cache: TensorCache, channel: str, media: Sequence[Media]
) -> list[Tensor]:
    """Media of one channel -> their features (T, W), in half precision where it holds them."""
    encoder = system.encoders[channel]
    by_name = {medium.sha256: medium for medium in media}

    def make(name: str) -> Tensor:
        [features_TW] = encoder.encode([by_name[name]], alone=True)
        return _halved(features_TW.cpu())

    return cache.get_or_make(f"features {encoder.fingerprint}", list(by_name), make)


def project_features(
    system: System, cache: TensorCache, slots: Sequence[FeatureSlot]
) -> dict[FeatureKey, Tensor]:
    """{(channel, sha256): (T', D)}, differentiable in the input projections."""
    found: dict[FeatureKey, Tensor] = {}
    device = system.model.backbone.device
    for channel in dict.fromkeys(slot.channel for slot in slots):
        media = {slot.media.sha256: slot.media for slot in slots if slot.channel == channel}
        features = encoder_features(system, cache, channel, list(media.values()))
        by_length: dict[int, list[tuple[str, Tensor]]] = {}
        for name, x_TW in zip(media, features, strict=True):
            by_length.setdefault(len(x_TW), []).append((name, x_TW))
        for group in by_length.values():
            x_BTW = torch.stack([x_TW.to(device).float() for _, x_TW in group])
            x_BTD = system.model.project_in(channel, x_BTW)
            found |= {(channel, name): x_TD for (name, _), x_TD in zip(group, x_BTD, strict=True)}
    return found


def caption_targets(
    decoder: LiveDecoder, cache: TensorCache, captions: Sequence[str], device: torch.device
) -> dict[str, Tensor]:
    """N captions -> {condition: (N, T, W)}, by the decoder's own text encoder.

    It comes to its device once for all that are not cached, and not at all for none.
    """
    recipe = decoder.recipe
    names = [condition.name for condition in decoder.spec.conditions]
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

        for name in names:
            rows = cache.get_or_make(
                f"captions {recipe.fingerprint} {name}",
                captions,
                lambda caption, name=name: targets(caption)[name][0].float().cpu(),  # type: ignore[misc]
            )
            found[name] = torch.stack(rows)
    return {name: rows.to(device) for name, rows in found.items()}


def _halved(x: Tensor) -> Tensor:
    fits = x.numel() == 0 or bool(x.abs().max() <= torch.finfo(torch.float16).max)
    return x.to(torch.float16 if fits else torch.float32).contiguous()
