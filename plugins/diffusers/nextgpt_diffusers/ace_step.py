"""ACE-Step 1.5: sound by a transformer that attends to lyrics, timbre and Qwen3's text states.

Its call takes words alone; here it is diffusers' own call, in a class that lets states stand in
their place. Lyrics are always those of music without a voice, timbre is that of silence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import diffusers
import torch
from torch import Generator, Tensor
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence

from nextgpt_diffusers.family import default, read, sampled, under
from nextgpt_diffusers.noise import Noised
from nextgpt_diffusers.pipelines import ACE_STEP_TOKENS
from nextgpt_diffusers.waves import mixed, waves
from nextgpt_registry.errors import DecodeError
from nextgpt_registry.media import Media

LYRICS = "[Instrumental]"
_TIMBRE = 30.0  # seconds that the call gives the timbre's encoder


class AceStepPipeline(diffusers.AceStepPipeline):
    """diffusers' own, whose prompts may also be the states (T, D) of texts."""

    def encode_prompt(self, prompt: Any, lyrics: Any, device: Any, **said: Any) -> Any:
        """B prompts -> states (B, T, D) and their mask, then those of the lyrics."""
        if isinstance(prompt, str) or isinstance(prompt[0], str):
            return super().encode_prompt(prompt, lyrics, device, **said)
        *_, lyric, there = super().encode_prompt([""] * len(prompt), lyrics, device, **said)
        full = [torch.ones(len(one), dtype=torch.bool, device=device) for one in prompt]
        return pad_sequence(prompt, True), pad_sequence(full, True), lyric, there


class AceStep:
    """`text` (B, 256, D), which says the options' seconds too, and `mask` (B, 256, 1).

    Nothing but what the mask reads is heard: its denoiser would read what pads a text.
    """

    denoiser = "transformer"

    def encode(self, pipe: Any, captions: Sequence[str], options: Any) -> dict[str, Tensor]:
        """B captions -> the text encoder's states, each alone, zeros behind its end; and where."""
        device, seconds = pipe.transformer.device, options.seconds
        found = [
            pipe.encode_prompt([one], [LYRICS], device, audio_duration=seconds)[0][0]
            for one in captions
        ]
        ones = [one.new_ones(len(one), 1) for one in found]
        return {"text": _longer(found), "mask": _longer(ones)}

    def away(self, pipe: Any, said: str, options: Any) -> dict[str, Tensor] | None:
        """Nothing: guidance, where there is any, leads away from a state that was learned.

        Raises:
            DecodeError: something is said.
        """
        if said:
            raise DecodeError(
                type(pipe).__name__, "leads away from no words", "take `negative` out"
            )
        return None

    def given(self, conditions: Mapping[str, Tensor], prefix: str = "") -> dict[str, Any]:
        """The states that are read as prompts, and lyrics."""
        found = _states(conditions)
        return {"prompt": found, "lyrics": [LYRICS] * len(found)}

    def shape(self, options: Any) -> dict[str, Any]:
        """How long the sound is."""
        return {"audio_duration": options.seconds}

    def shift(self, pipe: Any, latents: Tensor, options: Any) -> float:
        """Its call's own, whatever the length."""
        return float(default(pipe, "shift"))

    def samplers(self, pipe: Any) -> tuple[str, ...]:
        """Euler's, which takes the times as its call has them: from 0 to 1."""
        return ("euler",)

    def latents(
        self, pipe: Any, media: Sequence[Media], options: Any, generators: Sequence[Generator]
    ) -> Tensor:
        """B sounds -> (B, N, C): each from its start, silence behind it up to the full length."""
        vae, rate = pipe.vae, pipe.vae.config.sampling_rate
        whole = math.ceil(options.seconds * pipe.latents_per_second) * vae.hop_length
        heard = waves(
            media,
            rate=rate,
            channels=vae.config.audio_channels,
            samples=int(options.seconds * rate),
            whole=whole,
        )
        spread = vae.encode(heard.to(vae.device, vae.dtype)).latent_dist
        return sampled(spread, generators).transpose(1, 2)

    def predict(
        self, pipe: Any, far: Noised, conditions: Mapping[str, Tensor], options: Any
    ) -> Tensor:
        """(B, N, C); texts of different lengths one by one, for what pads one would be read."""
        said = _states(conditions)
        alike = len({len(one) for one in said}) == 1
        rows = [slice(None)] if alike else [slice(n, n + 1) for n in range(len(said))]
        times = far.times / 1000
        return torch.cat(
            [_velocity(pipe, far.latents[row], times[row], said[row], options) for row in rows]
        )

    def media(self, pipe: Any, made: Any, options: Any) -> list[Media]:
        """B sounds, their channels mixed to one."""
        rate = pipe.vae.config.sampling_rate
        return mixed(made.audios[..., : int(options.seconds * rate)], rate)


def _velocity(
    pipe: Any, latents: Tensor, times: Tensor, said: list[Tensor], options: Any
) -> Tensor:
    """(B, N, C), as its call puts the question."""
    count, length = latents.shape[:2]

    def silence(frames: int) -> Tensor:
        found: Tensor = pipe.prepare_src_latents(
            latents.device, latents.dtype, count, latent_length=frames
        )[0]
        return found

    text, text_mask, lyric, lyric_mask = pipe.encode_prompt(
        said, [LYRICS] * count, latents.device, audio_duration=options.seconds
    )
    read, _ = pipe.condition_encoder(
        text_hidden_states=text,
        text_attention_mask=text_mask,
        lyric_hidden_states=lyric,
        lyric_attention_mask=lyric_mask,
        refer_audio_acoustic_hidden_states_packed=silence(
            math.ceil(_TIMBRE * pipe.latents_per_second)
        ),
        refer_audio_order_mask=torch.arange(count, device=latents.device),
    )
    around = silence(length)
    answer: Tensor = pipe.transformer(
        hidden_states=latents,
        timestep=times.to(latents),
        timestep_r=times.to(latents),
        encoder_hidden_states=read,
        context_latents=torch.cat((around, torch.ones_like(around)), dim=-1),  # make all of it
        return_dict=False,
    )[0]
    return answer


def _longer(rows: Sequence[Tensor]) -> Tensor:
    """B times (t, D) -> (B, 256, D), zeros behind the end of each."""
    return torch.stack([pad(row, (0, 0, 0, ACE_STEP_TOKENS - len(row))) for row in rows])


def _states(conditions: Mapping[str, Tensor]) -> list[Tensor]:
    """Text (B, T, D) and mask -> B times (t, D): those that are read, and one at least."""
    there = read(conditions["mask"]) > 0
    text = under(conditions["text"], conditions["mask"])
    return [one[kept] if kept.any() else one[:1] for one, kept in zip(text, there, strict=True)]
