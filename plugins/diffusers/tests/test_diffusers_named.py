"""The latent diffusion models that are known by name: what is declared of them is so."""

from __future__ import annotations

import json
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from drawing import batch, draw, seeds
from safetensors.torch import save_file
from torch import Tensor

from nextgpt_diffusers import build, latent_cards, words
from nextgpt_diffusers.audioldm import log_mel
from nextgpt_diffusers.decoders import DECODERS
from nextgpt_diffusers.live import PipelineDecoder
from nextgpt_registry.errors import DecodeError, SourceError
from nextgpt_registry.media import Media
from nextgpt_registry.specs import Decoder
from nextgpt_registry.targets import options_model, resolve

NAMED = {spec.name: spec for spec in DECODERS if "unet" in spec.weights}
MAKE: dict[str, Any] = {
    "sd15": build.stable_diffusion,
    "sd2": build.stable_diffusion,
    "sdxl-turbo": build.stable_diffusion_xl,
    "zeroscope": build.text_to_video,
    "audioldm-l-full": build.audioldm,
}
CARDS = {
    "sd15": latent_cards.narrow_stable_diffusion(latent_cards.SD15, 16),
    "sd2": latent_cards.narrow_stable_diffusion(latent_cards.SD2, 16),
    "sdxl-turbo": latent_cards.narrow_stable_diffusion(latent_cards.SDXL_TURBO, 16),
    "zeroscope": latent_cards.narrow_text_to_video(latent_cards.ZEROSCOPE, 16),
    "audioldm-l-full": latent_cards.narrow_audioldm(latent_cards.AUDIOLDM_L, 16),
}
SAID = ["a cat", "red rain"]

# diffusers' samplers make arrays of tensors the way numpy 2 frowns upon
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

each = pytest.mark.parametrize("name", NAMED)


def built(spec: Decoder, **options: Any) -> Any:
    assert spec.options is not None
    return resolve(spec.target)(options_model(spec.options)(**options)).eval()


@cache
def twin(name: str) -> Any:
    """Its weights are the same in every test."""
    torch.manual_seed(0)
    return built(NAMED[name], **NAMED[name].twin, guidance=3.0).requires_grad_(False)


def asked(options: Any) -> dict[str, Any]:
    """The options of a decoder as its pipeline's call takes them."""
    names = {
        "frames": "num_frames",
        "height": "height",
        "width": "width",
        "seconds": "audio_length_in_s",
    }
    return {
        theirs: getattr(options, ours) for ours, theirs in names.items() if hasattr(options, ours)
    }


@each
def test_the_full_denoiser_takes_the_declared_conditions(name: str) -> None:
    unet = built(NAMED[name]).pipe.unet
    shape = {"zeroscope": (1, 4, 2, 8, 8), "audioldm-l-full": (1, 8, 32, 16)}.get(
        name, (1, 4, 64, 64)
    )

    with torch.device("meta"):
        given = {c.name: torch.zeros(1, c.tokens, c.width) for c in NAMED[name].conditions}
        more: dict[str, Any] = {"encoder_hidden_states": given["text"]}
        if "pooled" in given:
            more["added_cond_kwargs"] = {
                "text_embeds": given["pooled"][:, 0],
                "time_ids": torch.zeros(1, 6),
            }
        if name == "audioldm-l-full":
            more = {"encoder_hidden_states": None, "class_labels": given["text"][:, 0]}
        said = unet(torch.zeros(shape), torch.zeros(1), **more).sample

    assert said.shape == shape


def test_each_schedule_is_of_the_published_kind() -> None:
    kinds = {name: twin(name).pipe.scheduler.config.prediction_type for name in NAMED}

    assert kinds == {name: "v_prediction" if name == "sd2" else "epsilon" for name in NAMED}


@each
def test_media_are_those_of_the_pipeline(name: str) -> None:
    decoder = twin(name)

    ours = draw(decoder, decoder.caption_targets(SAID), 1, 2, scheduler="ddim")
    theirs = decoder.pipe(
        prompt=SAID,
        **asked(decoder.options),
        num_inference_steps=decoder.options.steps,
        guidance_scale=decoder.options.guidance,
        generator=seeds(1, 2),
        output_type="np",
    )[0]

    if NAMED[name].modality == "audio":
        assert np.abs(np.stack([m.data for m in ours]) - np.clip(theirs, -1, 1)).max() < 1e-5
    else:
        assert np.abs(np.stack([m.data for m in ours]) - 255 * theirs).max() <= 0.5 + 1e-2


@each
def test_guidance_leads_away_from_the_negative_which_is_encoded_once(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = twin(name)
    conditions = decoder.caption_targets(["a cat"])
    decoder.negatives.clear()
    encoded: list[str] = []
    away = decoder.family.away

    def counted(pipe: Any, said: str, options: Any) -> Any:
        encoded.append(said)
        return away(pipe, said, options)

    monkeypatch.setattr(decoder.family, "away", counted)

    plain = draw(decoder, conditions, 1, guidance=1.0)
    first, again = draw(decoder, conditions, 1), draw(decoder, conditions, 1)
    red = draw(decoder, conditions, 1, negative="red")

    assert encoded == ["", "red"]
    assert first == again
    assert len({plain[0], first[0], red[0]}) == 3


@each
def test_each_scheduler_makes_its_own(name: str) -> None:
    decoder = twin(name)
    conditions = decoder.caption_targets(["a cat"])

    made = [
        draw(decoder, conditions, 1, scheduler=one, steps=3)[0]
        for one in ("ddim", "dpm++", "euler", "euler-ancestral", "unipc")
    ]

    assert len(set(made)) == 5


@each
def test_published_files_are_loaded(name: str, tmp_path: Path) -> None:
    spec, source = NAMED[name], twin(name)
    options = source.options.model_copy(update={"narrow": None})
    decoder = PipelineDecoder(
        spec.modality,
        lambda width: None,
        options,
        full=partial(MAKE[name], sized(CARDS[name], source.pipe.tokenizer)),
        card=CARDS[name],
    )
    paths = {one: tmp_path / one for one in spec.weights}
    for one in spec.weights[:-2]:
        save_file(published(one, getattr(source.pipe, one.replace("-", "_"))), paths[one])
    paths["vocab"].write_text(json.dumps(source.pipe.tokenizer.get_vocab()))
    paths["merges"].write_text("#version: 0.2\n")

    decoder.load(paths)
    decoder.eval()

    conditions, wanted = (one.caption_targets(["a cat"]) for one in (decoder, source))
    assert all(torch.equal(conditions[key], wanted[key]) for key in wanted)
    [ours], [theirs] = (draw(one, conditions, 1) for one in (decoder, source))
    rounding = 1e-5 if spec.modality == "audio" else 1  # where weights lie decides how sums round
    assert np.abs(ours.data.astype(float) - theirs.data).max() <= rounding


def published(name: str, part: Any) -> dict[str, Tensor]:
    """A part's tensors as the oldest files spell them, and under the prefix of the whole model."""
    state = {key: value.contiguous() for key, value in part.state_dict().items()}
    if name == "vae":
        older = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value."}
        for new, old in {**older, ".to_out.0.": ".proj_attn."}.items():
            state = {key.replace(new, old): value for key, value in state.items()}
    if name == "text-encoder" and not any(key.startswith("text_model.") for key in state):
        state = {f"text_model.{key}": value for key, value in state.items()}
    return state


def sized(card: Any, tokenizer: Any) -> Any:
    """A card with text encoders as large as a tiny tokenizer; full ones have the config's own."""
    ids = {"vocab_size": len(tokenizer)}
    if tokenizer.pad_token != "<pad>":  # CLIP's, which are read at their end
        ids |= {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    return {
        part: {**told, **ids} if part.startswith("text_encoder") else told
        for part, told in card.items()
    }


def test_files_that_make_no_tokenizer_are_named(tmp_path: Path) -> None:
    (tmp_path / "v").write_text("{")
    (tmp_path / "m").write_text("")
    decoder = PipelineDecoder(
        "image",
        lambda width: None,
        twin("sd15").options.model_copy(update={"narrow": None}),
        full=partial(build.stable_diffusion, sized(CARDS["sd15"], words.clip_words())),
        card=CARDS["sd15"],
    )

    with pytest.raises(SourceError, match="make no tokenizer"):
        decoder.load({"vocab": tmp_path / "v", "merges": tmp_path / "m"})


@each
def test_media_of_no_numbers_are_an_error(name: str) -> None:
    decoder = twin(name)
    conditions = decoder.caption_targets(["a cat"])

    with pytest.raises(DecodeError, match="not finite"):
        draw(decoder, {key: value * float("nan") for key, value in conditions.items()}, 1)


def test_only_the_direction_of_a_text_state_counts_for_sound() -> None:
    decoder = twin("audioldm-l-full")
    text = decoder.caption_targets(["a cat"])["text"]

    near, far = (draw(decoder, {"text": text * length}, 1)[0].data for length in (1, 7))

    assert np.abs(near - far).max() < 1e-5


def test_spectra_are_as_long_as_asked_for_and_show_the_tone() -> None:
    tone = (0.3 * np.sin(np.arange(30_000) * 0.06)).astype(np.float32)
    shape: dict[str, Any] = {"rate": 16_000, "hop": 160, "bands": 64, "frames_of": 4}

    mels = log_mel(Media("audio", tone, 44_100.0), seconds=0.7, **shape)

    assert mels.shape == (72, 64)
    loudest = mels[20:60].argmax(dim=1)
    assert (loudest == loudest[0]).all()
    assert log_mel(Media("audio", tone, 44_100.0), seconds=0.3, **shape).shape == (32, 64)
    silence = Media("audio", tone[:1] * 0, 8000.0)
    assert torch.isfinite(log_mel(silence, seconds=0.7, **shape)).all()


def test_the_rate_asked_for_is_that_of_the_shown() -> None:
    decoder = twin("zeroscope")

    [video] = draw(decoder, decoder.caption_targets(["a cat"]), 1, rate=12.0)

    assert video.rate == 12


def test_a_line_of_pixels_is_cut_before_it_is_resized() -> None:
    line = Media("image", np.full((1, 2_000_000, 3), 200, np.uint8))
    decoder = twin("sd15")
    conditions = decoder.caption_targets(["a line"])

    losses = decoder.denoising_loss([line], batch(decoder, conditions, 1))

    assert losses.isfinite().all()


def test_building_says_nothing_of_deprecation(caplog: pytest.LogCaptureFixture) -> None:
    build.text_to_video(CARDS["zeroscope"], words.clip_words())
    build.audioldm(CARDS["audioldm-l-full"], words.roberta_words())

    assert not caplog.records
