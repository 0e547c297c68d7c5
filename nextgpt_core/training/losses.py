"""What a batch is trained to do. Knows the decoders' protocol, and no optimizer.

Three losses, as in the paper: cross-entropy on the answers, the caption alignment (squared; the
released code took the root, which is `alignment_form: norm`), and the decoders' own denoising loss.
A fourth, `matching`, needs no language model: what the input projection makes of a medium is read
by its channel's output projection, which must find the caption (before BLIP-2's language model
comes its first stage, Li et al., 2023, in the same way). Legend: N groups of a channel, S signals
of a group or positions of a medium, T tokens and W width of a condition, D width of the language
model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from nextgpt_core.answer import item_seed
from nextgpt_core.assembly.components import Blame, LiveDecoder, check_finite, misfit, named
from nextgpt_core.features.cache import TensorCache
from nextgpt_core.features.media import Features
from nextgpt_core.prompt.compose import UNLABELLED, FeatureSlot, GroupSlot, Prompt
from nextgpt_core.system import System
from nextgpt_core.training.data import Example
from nextgpt_core.training.forward import GroupStates, Starts, TrainOutput, forward
from nextgpt_core.training.media import caption_targets
from nextgpt_core.training.settings import RunSettings
from nextgpt_core.training.states import KeptStates
from nextgpt_registry.errors import DecodeError
from nextgpt_registry.protocols import DecodeBatch

Shares = Mapping[str, int]
"""By loss: over how many tokens, or groups, it is averaged in a step."""


@dataclass(frozen=True)
class Losses:
    """The weighted sum to be minimised, and each loss by name, all averaged over a whole step."""

    total: Tensor
    parts: Mapping[str, float]


@dataclass(frozen=True)
class PassLoss:
    """The loss of a pass. Passes of one step add up to what a single large one would give."""

    system: System
    cache: TensorCache
    settings: RunSettings
    starts: Starts | None = None  # only where the language model does not change
    states: TensorCache | None = None  # only where nothing before projections and rows changes

    def shares(self, passes: Sequence[Sequence[Example]]) -> Shares:
        """What the losses of a step are averaged over."""
        prompts = [example.prompt for examples in passes for example in examples]
        slots = [slot for prompt in prompts for slot in prompt.groups]
        aligned = [slot.channel for slot in slots if self._aligned(slot)]
        by_channel = {f"alignment.{name}": aligned.count(name) for name in sorted(set(aligned))}
        return {
            "text": sum(label != UNLABELLED for prompt in prompts for label in prompt.labels),
            "alignment": len(aligned),
            "denoising": sum(map(self._denoised, slots)),
            "matching": sum(self._matched(slot) for prompt in prompts for slot in prompt.features),
            **by_channel,
        }

    def __call__(self, examples: Sequence[Example], shares: Shares, *, seed: int) -> Losses:
        """The losses of one pass; noise is drawn from `seed`."""
        prompts = [example.prompt for example in examples]
        device = self.system.model.backbone.device
        total, parts = torch.zeros((), device=device), {}
        states: Sequence[GroupStates]
        if not (self.settings.text or shares["alignment"] or shares["denoising"]):
            states = ()
        elif self._kept is None:
            output = self._forward(prompts)
            states = output.groups
            text = output.losses_N.sum() / max(shares["text"], 1)
            total = self.settings.text * text
            parts["text"] = text.item()
        else:
            states, labelled = self._kept.of(prompts)
            if len(labelled.labels_N):
                text = self._kept.surprise(labelled) / shares["text"]
                total = self.settings.text * text
                parts["text"] = text.item()
        for channel, groups in _by_channel(states).items():
            found = self._of_channel(channel, groups, shares, seed)
            for name, (weight, loss) in found.items():
                total = total + weight * loss
                parts[name] = parts.get(name, 0.0) + loss.item()
                if name == "alignment":
                    own = loss.item() * shares["alignment"] / shares[f"alignment.{channel}"]
                    parts[f"alignment.{channel}"] = own
        captioned = [s for prompt in prompts for s in prompt.features if self._matched(s)]
        if captioned:
            matching = self._matching(captioned).sum() / shares["matching"]
            total = total + self.settings.matching * matching
            parts["matching"] = matching.item()
        return Losses(total, parts | {"loss": total.item()})

    @cached_property
    def _features(self) -> Features:
        return Features(self.system, self.cache, training=True)

    @cached_property
    def _kept(self) -> KeptStates | None:
        if self.states is None:
            return None
        model, settings = self.system.model, self.settings
        written = [c for c in model.vocabulary.channels if settings.teaches(c)]
        channels = written if settings.text and "written" in settings.parts else ()
        return KeptStates(model, self.states, self._forward, channels=channels)

    def _matching(self, slots: Sequence[FeatureSlot]) -> Tensor:
        """(N,) squared errors of captioned media, kind by kind, read without their conversation."""
        model, errors = self.system.model, []
        features = self._features.reading().projected(slots)
        kinds = [(slot.channel, len(features[slot.key])) for slot in slots]
        for kind in dict.fromkeys(kinds):
            channel = kind[0]
            shown = [slot for slot, own in zip(slots, kinds, strict=True) if own == kind]
            x_NSD = torch.stack([features[slot.key] for slot in shown])
            targets = caption_targets(
                self.system.decoders[channel],
                self.cache,
                [slot.caption for slot in shown],
                model.backbone.device,
            )
            errors.append(alignment(model.outputs[channel](x_NSD), targets))
        return torch.cat(errors)

    def _forward(self, prompts: Sequence[Prompt]) -> TrainOutput:
        slots = [slot for prompt in prompts for slot in prompt.features]
        features = self._features.reading().projected(slots)
        return forward(self.system.model, prompts, features, starts=self.starts)

    def _aligned(self, slot: GroupSlot) -> bool:
        told = slot.part is not None and bool(slot.part.caption)
        return told and self.settings.aligns(slot.channel) > 0 and self._can_align(slot.channel)

    def _denoised(self, slot: GroupSlot) -> bool:
        shown = slot.part is not None and slot.part.media is not None
        return shown and self.settings.denoising > 0 and self._can_align(slot.channel)

    def _matched(self, slot: FeatureSlot) -> bool:
        return self.settings.matching > 0 and bool(slot.caption) and self._can_align(slot.channel)

    def _can_align(self, channel: str) -> bool:
        decoder = self.system.decoders.get(channel)
        return decoder is not None and decoder.spec.captions and self.settings.teaches(channel)

    def _of_channel(
        self, channel: str, groups: Sequence[GroupStates], shares: Shares, seed: int
    ) -> dict[str, tuple[float, Tensor]]:
        """{name: (weight, loss)} of the groups of one channel."""
        model, decoder = self.system.model, self.system.decoders[channel]
        aligned = [n for n, group in enumerate(groups) if self._aligned(group.slot)]
        denoised = [n for n, group in enumerate(groups) if self._denoised(group.slot)]
        if not (aligned or denoised):
            return {}
        conditions = model.project_out(
            channel,
            torch.stack([group.hidden_SD for group in groups]),
            torch.stack([group.ids_S for group in groups]),
        )
        found = {}
        if aligned:
            captions = [_caption(groups[n]) for n in aligned]
            device = model.backbone.device
            targets = caption_targets(decoder, self.cache, captions, device)
            chosen = {name: value[aligned] for name, value in conditions.items()}
            loss_N = alignment(chosen, targets, form=self.settings.alignment_form)
            weight = self.settings.aligns(channel)
            found["alignment"] = (weight, loss_N.sum() / shares["alignment"])
        if denoised:
            chosen = {name: value[denoised] for name, value in conditions.items()}
            loss_N = _denoising(decoder, [groups[n] for n in denoised], chosen, seed)
            found["denoising"] = (self.settings.denoising, loss_N.sum() / shares["denoising"])
        return found


def alignment(
    conditions: Mapping[str, Tensor],
    targets: Mapping[str, Tensor],
    *,
    form: Literal["square", "norm"] = "square",
) -> Tensor:
    """{name: (N, T, W)} twice -> (N,), each condition counting alike.

    `square` is the mean squared error; `norm` the Euclidean norm of a token's error, the mean over
    tokens, as NExT-GPT's released code has it.
    """
    measure = _square if form == "square" else _norm
    errors = [
        measure(conditions[name].float() - target.float()) for name, target in targets.items()
    ]
    return torch.stack(errors).mean(dim=0)


def _square(error_NTW: Tensor) -> Tensor:
    return error_NTW.square().mean(dim=(1, 2))


def _norm(error_NTW: Tensor) -> Tensor:
    # Not the root of a sum of squares: its gradient at zero is no number.
    return torch.linalg.vector_norm(error_NTW, dim=-1).mean(dim=1)


def _denoising(
    decoder: LiveDecoder,
    groups: Sequence[GroupStates],
    conditions: Mapping[str, Tensor],
    seed: int,
) -> Tensor:
    recipe = decoder.recipe
    dtype = getattr(torch, recipe.dtype)
    placed = {name: value.to(recipe.device, dtype) for name, value in conditions.items()}
    seeds = [item_seed(seed, "denoising", g.prompt, g.slot.start) for g in groups]
    generators = [torch.Generator("cpu").manual_seed(one) for one in seeds]
    with named(recipe, DecodeError):
        found = decoder.component.denoising_loss(
            [g.slot.part.media for g in groups if g.slot.part],
            DecodeBatch(placed, options=recipe.options, generators=generators),
        )
    loss_N = _checked(recipe.blame, found, batch=len(groups))
    return loss_N.to(next(iter(conditions.values())).device)


def _by_channel(groups: Sequence[GroupStates]) -> dict[str, list[GroupStates]]:
    found: dict[str, list[GroupStates]] = {}
    for group in groups:
        found.setdefault(group.slot.channel, []).append(group)
    return found


def _caption(group: GroupStates) -> str:
    assert group.slot.part is not None
    return group.slot.part.caption


def _checked(blame: Blame, loss: object, *, batch: int) -> Tensor:
    """`loss` as a (B,) tensor of numbers.

    Raises:
        ShapeError: it is something else.
    """
    if not isinstance(loss, Tensor) or tuple(loss.shape) != (batch,):
        shape = tuple(loss.shape) if isinstance(loss, Tensor) else f"a {type(loss).__name__}"
        raise misfit(blame, "its denoising loss", f"{shape}", f"({batch},)")
    check_finite(str(blame), "its denoising loss", loss)
    return loss
