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
from nextgpt_audio.spectrum import log_mel
from nextgpt_registry.errors import Cancelled, DecodeError, SourceError
from nextgpt_registry.media import Media
from nextgpt_registry.specs import Decoder
from nextgpt_registry.targets import missing, options_model, resolve

SMALL = {"seconds": 0.7, "steps": 2, "guidance": 3.0}
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
    return build(spec, **spec.twin, **SMALL).requires_grad_(False)


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
def test_declared_sizes_are_those_of_the_full_model(spec: Decoder) -> None:
    decoder = full(spec.name)

    assert sum(p.numel() for p in decoder.parameters()) == spec.parameters
    text = spec.conditions[0]
    classes = decoder.unet.config.projection_class_embeddings_input_dim
    assert (text.tokens, text.width) == (1, classes)
    assert decoder.card.schedule["prediction_type"] == "epsilon"
    assert not missing(spec.requires)


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


@each
def test_captions_become_the_declared_conditions_and_sound(spec: Decoder) -> None:
    decoder = live(spec.name)
    steps: list[tuple[int, int]] = []

    conditions = decoder.caption_targets(["a cat", "two dogs"])
    made = decoder.decode(
        conditions,
        taken=[[], []],
        options=decoder.options,
        generators=seeds(1, 2),
        on_step=lambda done, total: steps.append((done, total)),
    )

    declared = {c.name: (2, c.tokens, c.width) for c in spec.conditions}
    assert {name: tuple(value.shape) for name, value in conditions.items()} == declared
    assert not torch.equal(conditions["text"][0], conditions["text"][1])
    assert torch.allclose(conditions["text"].norm(dim=-1), torch.ones(2, 1))
    assert [(m.modality, m.data.shape, m.data.dtype.name, m.rate) for m in made] == [
        ("audio", (11_200,), "float32", 16_000)
    ] * 2
    assert steps == [(1, 2), (2, 2)]


@each
def test_a_sound_depends_on_its_own_seed_and_condition_only(spec: Decoder) -> None:
    decoder = live(spec.name)
    both = decoder.caption_targets(["a cat", "two dogs"])
    one = {name: value[:1] for name, value in both.items()}

    batch = draw(decoder, both, 1, 2)
    alone = draw(decoder, one, 1)

    assert alone == draw(decoder, one, 1)
    assert alone != draw(decoder, one, 3)
    assert np.abs(batch[0].data - alone[0].data).max() < 1e-4


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


@each
def test_cancelling_stops_at_once_and_leaves_the_decoder_usable(spec: Decoder) -> None:
    decoder = live(spec.name)
    conditions = decoder.caption_targets(["a cat"])
    before = draw(decoder, conditions, 1)

    def stop(done: int, total: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        decoder.decode(
            conditions,
            taken=[[]],
            options=decoder.options,
            generators=seeds(1),
            on_step=stop,
        )

    assert draw(decoder, conditions, 1) == before


@each
def test_the_loss_reaches_the_conditions_and_repeats_by_seed(spec: Decoder) -> None:
    decoder = live(spec.name)
    conditions = {
        name: value.clone().requires_grad_()
        for name, value in decoder.caption_targets(["a cat", "two dogs"]).items()
    }

    losses = decoder.denoising_loss([SOUND, SOUND], conditions, seeds(1, 2))
    again = decoder.denoising_loss([SOUND, SOUND], conditions, seeds(1, 2))
    losses.sum().backward()

    assert losses.shape == (2,)
    assert torch.equal(losses, again)
    assert all(value.grad is not None and value.grad.any() for value in conditions.values())


def test_only_equal_options_share_a_call() -> None:
    decoder = live("audioldm-l-full")
    options = decoder.options

    assert decoder.batch_key(options) == decoder.batch_key(options.model_copy())
    assert decoder.batch_key(options) != decoder.batch_key(options.model_copy(update={"steps": 3}))


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
    source, decoder = live("audioldm-l-full"), build(spec, **spec.twin, **SMALL)
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
