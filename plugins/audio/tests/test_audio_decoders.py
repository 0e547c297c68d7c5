"""What is declared of the decoder of sound is so; its twin sounds, learns and stops."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from nextgpt_audio import from_array
from nextgpt_audio.decoders import DECODERS
from nextgpt_audio.noise import Noised, loss, snr_weights
from nextgpt_audio.spectrum import log_mel
from nextgpt_registry.errors import DecodeError, SourceError
from nextgpt_registry.media import Media
from nextgpt_registry.specs import Decoder
from nextgpt_registry.targets import options_model, resolve

TONE = (0.3 * np.sin(np.arange(30_000) * 0.06)).astype(np.float32)
SOUND = from_array(TONE, 44_100)

# diffusers' samplers make arrays of tensors the way numpy 2 frowns upon
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

each = pytest.mark.parametrize("spec", DECODERS, ids=lambda spec: spec.name)


def build(spec: Decoder, **options: Any) -> Any:
    assert spec.options is not None
    return resolve(spec.target)(options_model(spec.options)(**options)).eval()


@cache
def full(name: str) -> Any:
    """The whole model without its numbers."""
    with torch.device("meta"):
        return build(next(spec for spec in DECODERS if spec.name == name))


@cache
def live(name: str) -> Any:
    """A twin, its weights the same in every test."""
    torch.manual_seed(0)
    spec = next(spec for spec in DECODERS if spec.name == name)
    return build(spec, **spec.twin, guidance=3.0).requires_grad_(False)


def seeds(*numbers: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(number) for number in numbers]


def draw(decoder: Any, conditions: Mapping[str, Tensor], *numbers: int, **more: Any) -> list[Media]:
    options = decoder.options.model_copy(update=more)
    made: list[Media] = decoder.decode(
        conditions,
        taken=[[]] * len(numbers),
        options=options,
        generators=seeds(*numbers),
        on_step=lambda done, total: None,
    )
    return made


@each
def test_the_full_denoiser_takes_the_declared_conditions(spec: Decoder) -> None:
    unet = full(spec.name).unet

    with torch.device("meta"):
        said = unet(
            torch.zeros(1, 8, 32, 16),
            torch.zeros(1),
            encoder_hidden_states=None,
            class_labels=torch.zeros(1, spec.conditions[0].width),
        ).sample

    assert said.shape == (1, 8, 32, 16)


def test_only_the_direction_of_a_condition_counts() -> None:
    decoder = live("audioldm-l-full")
    text = decoder.caption_targets(["a cat"])["text"]

    near, far = (draw(decoder, {"text": text * length}, 1)[0].data for length in (1, 7))

    assert np.abs(near - far).max() < 1e-5


@each
def test_guidance_is_one_call_and_leads_away_from_the_negative(
    spec: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = live(spec.name)
    conditions = decoder.caption_targets(["a cat"])
    decoder.negatives.clear()
    encoded: list[list[str]] = []
    encode = decoder._encode

    def counted(said: list[str]) -> Any:
        encoded.append(said)
        return encode(said)

    monkeypatch.setattr(decoder, "_encode", counted)

    plain = draw(decoder, conditions, 1, guidance=1.0)
    first, again = draw(decoder, conditions, 1), draw(decoder, conditions, 1)
    away = draw(decoder, conditions, 1, negative="red")

    assert encoded == [[""], ["red"]]
    assert first == again
    assert len({plain[0], first[0], away[0]}) == 3


def test_spectra_are_as_long_as_asked_for_and_show_the_tone() -> None:
    mels = log_mel(SOUND, seconds=0.7, frames_of=4)

    assert mels.shape == (72, 64)
    loudest = mels[20:60].argmax(dim=1)
    assert (loudest == loudest[0]).all()
    assert log_mel(SOUND, seconds=0.3, frames_of=4).shape == (32, 64)
    assert torch.isfinite(log_mel(from_array(TONE[:1] * 0, 8000), seconds=0.7, frames_of=4)).all()


def test_building_says_nothing_of_deprecation(caplog: pytest.LogCaptureFixture) -> None:
    live("audioldm-l-full")._pipeline(None)

    assert not caplog.records


def test_published_files_are_loaded(tmp_path: Path) -> None:
    spec = DECODERS[0]
    source, decoder = live("audioldm-l-full"), build(spec, **spec.twin, guidance=3.0)
    older = {
        ".to_q.": ".query.",
        ".to_k.": ".key.",
        ".to_v.": ".value.",
        ".to_out.0.": ".proj_attn.",
    }
    vae = source.vae.state_dict()
    for new, old in older.items():
        vae = {key.replace(new, old): value for key, value in vae.items()}
    words = source.pipe.tokenizer.get_vocab()
    paths = {name: tmp_path / name for name in spec.weights}
    save_file(source.unet.state_dict(), paths["unet"])
    save_file(vae, paths["vae"])
    source.text.save_pretrained(tmp_path / "text")
    (tmp_path / "text" / "model.safetensors").rename(paths["text-encoder"])
    save_file(source.vocoder.state_dict(), paths["vocoder"])
    paths["vocab"].write_text(json.dumps(words))
    paths["merges"].write_text("#version: 0.2\n")

    decoder.load(paths)

    conditions = decoder.caption_targets(["a cat"])
    assert torch.equal(conditions["text"], source.caption_targets(["a cat"])["text"])
    assert draw(decoder, conditions, 1) == draw(source, conditions, 1)


def test_files_that_make_no_tokenizer_are_named(tmp_path: Path) -> None:
    (tmp_path / "v").write_text("{")
    (tmp_path / "m").write_text("")

    with pytest.raises(SourceError, match="make no tokenizer"):
        live("audioldm-l-full").load({"vocab": tmp_path / "v", "merges": tmp_path / "m"})


def test_a_decoder_without_a_tokenizer_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = live("audioldm-l-full")
    monkeypatch.setattr(decoder, "pipe", decoder._pipeline(None))

    with pytest.raises(DecodeError, match="has no tokenizer"):
        decoder.caption_targets(["a cat"])


def test_sounds_of_no_numbers_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = live("audioldm-l-full")
    conditions = decoder.caption_targets(["a cat"])

    with pytest.raises(DecodeError, match="not finite"):
        draw(decoder, {"text": conditions["text"] * float("nan")}, 1)


@each
def test_sounds_are_those_of_the_pipeline(spec: Decoder) -> None:
    decoder, said = live(spec.name), ["a cat", "red rain"]
    options = decoder.options

    ours = draw(decoder, decoder.caption_targets(said), 1, 2)
    theirs = decoder.pipe(
        prompt=said,
        audio_length_in_s=options.seconds,
        num_inference_steps=options.steps,
        guidance_scale=options.guidance,
        generator=seeds(1, 2),
    ).audios

    assert np.abs(np.stack([m.data for m in ours]) - np.clip(theirs, -1, 1)).max() < 1e-5


@each
def test_each_scheduler_makes_its_own(spec: Decoder) -> None:
    decoder = live(spec.name)
    conditions = decoder.caption_targets(["a cat"])

    made = [
        draw(decoder, conditions, 1, scheduler=name, steps=3)[0]
        for name in ("ddim", "dpm++", "euler", "euler-ancestral", "unipc")
    ]

    assert len(set(made)) == 5


def test_min_snr_weighs_each_item_as_the_paper_says() -> None:
    snr = torch.tensor([9.0, 0.5])

    found = {
        kind: snr_weights(snr, kind, 5.0).tolist() for kind in ("epsilon", "v_prediction", "sample")
    }

    assert found["epsilon"] == pytest.approx([5 / 9, 1.0])
    assert found["v_prediction"] == pytest.approx([5 / 10, 0.5 / 1.5])
    assert found["sample"] == pytest.approx([5.0, 0.5])
    assert snr_weights(snr, "epsilon", None).tolist() == [1.0, 1.0]
    target = torch.tensor([[1.0, 1.0], [2.0, 4.0]])
    far = Noised(target, torch.zeros(2), target, torch.tensor([1.0, 0.5]))
    assert loss(torch.zeros_like(target), far).tolist() == [1.0, 5.0]
