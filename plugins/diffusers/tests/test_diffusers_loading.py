"""What is loaded is what is declared; what cannot be is named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nextgpt_diffusers.decoders import DECODERS
from nextgpt_registry.errors import DecodeError, SourceError
from nextgpt_registry.specs import Decoder
from nextgpt_registry.targets import options_model, resolve

Saved = Callable[[str], Path]


def built(spec: Decoder) -> Any:
    assert spec.options is not None
    return resolve(spec.target)(options_model(spec.options)())


def test_without_a_folder_there_is_no_pipeline() -> None:
    bare = built(DECODERS[0])

    with pytest.raises(DecodeError, match="has no pipeline"):
        bare.caption_targets(["a cat"])


def test_folders_that_cannot_be_loaded_are_named(saved: Saved, tmp_path: Path) -> None:
    torn = shutil.copytree(saved("StableDiffusionPipeline"), tmp_path / "torn")
    (torn / "tokenizer" / "tokenizer.json").write_text("{")

    with pytest.raises(SourceError, match="cannot be loaded as a StableDiffusionPipeline"):
        built(DECODERS[0]).load({"pipeline": torn})
    with pytest.raises(SourceError, match="WanPipeline makes video"):
        built(DECODERS[0]).load({"pipeline": saved("WanPipeline")})


@pytest.mark.parametrize("spec", [d for d in DECODERS if d.parameters], ids=lambda d: d.name)
def test_a_named_decoder_has_as_many_parameters_as_it_says(spec: Decoder) -> None:
    full = built(spec)

    assert sum(p.numel() for p in full.parameters()) == spec.parameters
    assert {p.device.type for p in full.parameters()} == {"meta"}  # no memory before the files


def test_a_named_decoder_takes_no_other_model(saved: Saved) -> None:
    wan = next(d for d in DECODERS if d.name == "wan21-1.3b")
    full = built(wan)

    with pytest.raises(SourceError, match="wanted 7,226,799,667"):
        full.load({"pipeline": saved("WanPipeline")})
    with pytest.raises(SourceError, match="StableAudioPipeline makes audio"):
        full.load({"pipeline": saved("StableAudioPipeline")})
