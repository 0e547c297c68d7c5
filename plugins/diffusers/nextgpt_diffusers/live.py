"""A pipeline as a decoder: conditions to media, captions to conditions, both to a loss.

Built from a card, or made whole by `load` from the folder that it is given.
Legend: B batch, T tokens, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nextgpt_diffusers.caches import apart, cached
from nextgpt_diffusers.cards import Card
from nextgpt_diffusers.describe import known_pipeline
from nextgpt_diffusers.family import Family, OwnTimes, StepCached, default, distilled
from nextgpt_diffusers.files import load_files
from nextgpt_diffusers.folder import Folder
from nextgpt_diffusers.noise import loss, noised
from nextgpt_diffusers.opening import opened
from nextgpt_diffusers.pipelines import PIPELINES
from nextgpt_diffusers.precision import cast_what_comes, placed
from nextgpt_diffusers.samplers import sampler
from nextgpt_registry.errors import DecodeError, SourceError
from nextgpt_registry.media import Media
from nextgpt_registry.protocols import DecodeBatch, OnStep
from nextgpt_registry.targets import resolve

GeneratedMedia = Callable[[], Any]
"""A pipeline from its configs."""


class PipelineDecoder(torch.nn.Module):
    """Runs diffusers' own pipeline; `only` is the one class that a decoder of a name is.

    With a `card` its weights are separate files, and its parts are built of the card.
    """

    def __init__(
        self,
        modality: str,
        twin: Callable[[int], Any],
        options: Any,
        *,
        full: GeneratedMedia | None = None,
        only: str = "",
        card: Card | None = None,
    ) -> None:
        super().__init__()
        self.modality, self.options, self.only = modality, options, only
        self._full, self._card = full, card
        self.pipe: Any = None
        self.family: Family
        self.parts = torch.nn.ModuleDict()
        self.negatives: dict[str, dict[str, Tensor] | None] = {}
        if options.narrow:
            self._take(twin(options.narrow))
        elif full:
            with torch.device("meta"):  # sizes alone, until `load`
                self._take(full())

    def load(self, paths: Mapping[str, Path]) -> None:
        """Make the pipeline of the folder `pipeline` this decoder's, or that of separate files.

        Raises:
            SourceError: it is none that is known, or another one than is declared.
        """
        if self._card is not None:
            self._load_files(self._card, paths)
            return
        folder = Folder(paths["pipeline"])
        known = known_pipeline(folder, modality=self.modality)
        if self.only and folder.pipeline != self.only:
            raise SourceError(
                str(folder.path), f"is a {folder.pipeline}", f"name one that is a {self.only}"
            )
        sizes = self._sizes()
        self.pipe, self.parts = None, torch.nn.ModuleDict()  # room for what is loaded
        self._take(opened(folder, known))
        if sizes and sizes != self._sizes():
            raise SourceError(
                str(folder.path),
                f"has {sum(self._sizes().values()):,} parameters, wanted {sum(sizes.values()):,}",
                "name the model that is declared, or the decoder `diffusers`, which takes others",
            )

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """As torch's, but for the autoencoder's own precision, if the options name one."""
        if not (self.options.vae_dtype and "vae" in self.parts):
            return super().to(*args, **kwargs)
        vae = self.parts.pop("vae")  # which must not lose digits on the way
        super().to(*args, **kwargs)
        placed(vae, getattr(torch, self.options.vae_dtype), *args, **kwargs)
        self.parts["vae"] = vae
        return self

    def batch_key(self, options: Any) -> Hashable:
        """Media of one call share every option."""
        return options.model_dump_json()

    def decode(self, batch: DecodeBatch) -> list[Media]:
        """{name: (B, T, D)} -> B media, by the pipeline's own call."""
        parts = apart(batch, batch.options.step_cache)
        return [media for part in parts for media in self._called(part)]

    def _called(self, batch: DecodeBatch) -> list[Media]:
        pipe, family, options = self._whole(), self.family, batch.options
        published = pipe.scheduler
        asked = {
            **family.shape(options),
            "num_inference_steps": options.steps,
            "guidance_scale": self._guidance(options),
        }
        try:
            with torch.device("cpu"):
                pipe.scheduler = sampler(
                    published,
                    options.scheduler,
                    who=self._who,
                    only=family.samplers(pipe) if isinstance(family, OwnTimes) else None,
                )
            with cached(
                getattr(pipe, family.denoiser),
                options.step_cache,
                known=family.caches if isinstance(family, StepCached) else (),
                who=self._who,
            ):
                made = pipe(
                    **family.given(batch.conditions),
                    **self._away(batch.conditions, options),
                    **{name: value for name, value in asked.items() if value is not None},
                    **_told(pipe, batch.on_step),
                    generator=list(batch.generators),
                    output_type="pt" if self.modality == "audio" else "np",
                )
        finally:
            pipe.scheduler = published
        _check_finite(made, self._who)
        return family.media(pipe, made, options)

    @torch.no_grad()
    def caption_targets(self, captions: Sequence[str]) -> dict[str, Tensor]:
        """B captions -> what the pipeline's own text encoders make of them."""
        return self._encode(captions)

    def denoising_loss(self, media: Sequence[Media], batch: DecodeBatch) -> Tensor:
        """B media and {name: (B, T, D)} -> (B,), differentiable in the conditions."""
        conditions, options = batch.conditions, batch.options
        pipe, family = self._whole(), self.family
        own = family if isinstance(family, OwnTimes) else None
        with torch.no_grad():
            latents = family.latents(pipe, media, options, batch.generators)
            far = noised(
                latents.to(next(iter(conditions.values())).dtype),
                batch.generators,
                pipe.scheduler,
                min_snr=options.min_snr,
                shift=own.shift(pipe, latents, options) if own else None,
                who=self._who,
            )
        return loss(family.predict(pipe, far, conditions, options), far)

    @property
    def _who(self) -> str:
        return type(self.pipe).__name__ if self.pipe else f"{self.modality} decoder"

    def _whole(self) -> Any:
        if self.pipe is None:
            raise DecodeError(
                f"{self.modality} decoder `diffusers`",
                "has no pipeline: its files were not loaded",
                "name a folder under `weights.pipeline`",
            )
        return self.pipe

    def _load_files(self, card: Card, paths: Mapping[str, Path]) -> None:
        assert self._full is not None
        pipe = self._full()
        load_files(pipe, card, paths, who=type(pipe).__name__)
        self._take(pipe)

    def _take(self, pipe: Any) -> None:
        pipe.set_progress_bar_config(disable=True)
        if hasattr(pipe.vae, "enable_slicing"):
            pipe.vae.enable_slicing()  # one after the other: all at once would need most of a GPU
        modules = pipe.components.items()
        self.parts = torch.nn.ModuleDict(
            {name: part for name, part in modules if isinstance(part, torch.nn.Module)}
        )
        if self.options.vae_dtype:
            for name in ("vae", "vocoder"):  # what reads the others, and what reads it
                if name in self.parts:
                    cast_what_comes(self.parts[name])
        self.pipe, self.family = pipe, resolve(PIPELINES[type(pipe).__name__].family)()
        self.negatives.clear()

    def _sizes(self) -> dict[str, int]:
        """The parameters of each part of a full model; a generic one and a twin may be any."""
        if not self.only or self.options.narrow:
            return {}
        return {
            name: sum(parameter.numel() for parameter in part.parameters())
            for name, part in self.parts.items()
        }

    def _away(self, conditions: Mapping[str, Tensor], options: Any) -> dict[str, Any]:
        """What guidance leads away from, as arguments; nothing where there is no guidance."""
        if self._guidance(options) <= 1:
            return {}
        found = self._negative(options.negative)
        if found is None:
            return {}
        batch = len(next(iter(conditions.values())))
        wide = {
            name: value.expand(batch, -1, -1).to(conditions[name]) for name, value in found.items()
        }
        return self.family.given(wide, "negative_")

    def _guidance(self, options: Any) -> float:
        """What is asked for, or the pipeline's own; 1, which is none, where it has none."""
        asked: float | None = options.guidance
        if not distilled(self.pipe):
            own: float = default(self.pipe, "guidance_scale")
            return own if asked is None else asked
        if asked is not None and asked > 1:
            raise DecodeError(
                self._who,
                f"guidance is {asked:g}, and went into its weights when it was distilled",
                "take `guidance` out",
            )
        return 1.0

    def _negative(self, said: str) -> dict[str, Tensor] | None:
        """Computed once for each wording."""
        if said not in self.negatives:
            if len(self.negatives) >= 16:
                self.negatives.clear()
            self._tokenizer()
            with torch.no_grad():
                self.negatives[said] = self.family.away(self.pipe, said, self.options)
        return self.negatives[said]

    def _encode(self, captions: Sequence[str]) -> dict[str, Tensor]:
        pipe = self._whole()
        self._tokenizer()
        return self.family.encode(pipe, captions, self.options)

    def _tokenizer(self) -> None:
        if self._whole().tokenizer is None:
            raise DecodeError(
                self._who, "has no tokenizer", "name its files under the decoder's `weights`"
            )


def _told(pipe: Any, on_step: OnStep) -> dict[str, Any]:
    """The callback, in the way of this pipeline's call."""

    def told(done: int) -> None:
        on_step(done + 1, len(pipe.scheduler.timesteps))

    def stepped(_: Any, done: int, time: Any, state: Mapping[str, Any]) -> dict[str, Any]:
        told(done)
        return {}

    def stepped_before(done: int, time: Any, latents: Any) -> None:
        told(done)

    if "callback_on_step_end" in type(pipe).__call__.__annotations__:
        return {"callback_on_step_end": stepped}
    return {"callback": stepped_before}


def _check_finite(made: Any, who: str) -> None:
    for value in made.values():
        numbers = torch.from_numpy(value) if isinstance(value, np.ndarray) else value
        if isinstance(numbers, Tensor) and not bool(numbers.isfinite().all()):
            raise DecodeError(
                who, "made numbers that are not finite", "use dtype float32 or bfloat16"
            )
