"""A modality that nothing but this file knows chats end to end: the core needs no change for it."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel
from torch import Tensor, nn

from nextgpt_core import Builder, GeneratedMedia, Pipeline
from nextgpt_core.testing import save_tiny_llm
from nextgpt_registry import hookimpl
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.media import Blob, Media
from nextgpt_registry.protocols import DecodeBatch
from nextgpt_registry.specs import Condition, Decoder, Encoder, Manifest, Modality, Options


class ToneOptions(Options):
    samples: int = 32


class ToneEncoder(nn.Module):
    """As many tokens as there are blocks of eight samples: tones vary in length."""

    def __init__(self, options: BaseModel) -> None:
        super().__init__()
        self.map = nn.Linear(8, 16)

    def load(self, paths: Mapping[str, Path]) -> None:
        assert not paths

    def preprocess(self, media: Sequence[Media]) -> dict[str, Tensor]:
        rows = [torch.from_numpy(m.data).float().reshape(-1, 8) for m in media]
        return {"samples": torch.stack(rows)}

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        y_BTD: Tensor = self.map(batch["samples"])
        return y_BTD


class ToneDecoder(nn.Module):
    """A sum of sines whose strengths the condition gives, and a little noise."""

    def __init__(self, options: ToneOptions) -> None:
        super().__init__()
        self.strengths = nn.Linear(6, 4)

    def load(self, paths: Mapping[str, Path]) -> None:
        assert not paths

    def batch_key(self, options: ToneOptions) -> Hashable:
        return options.samples

    def decode(self, batch: DecodeBatch) -> list[Media]:
        conditions, samples = batch.conditions, batch.options.samples
        batch.on_step(0, 1)
        strengths_BK = self.strengths(conditions["melody"][:, 0]) + conditions["volume"][:, 0]
        time_KN = torch.arange(samples)[None] * torch.arange(1, 5)[:, None] / 8
        tones_BN = strengths_BK @ time_KN.sin()
        noise_BN = torch.stack([torch.randn(samples, generator=g) for g in batch.generators])
        batch.on_step(1, 1)
        return [
            Media("tone", row.numpy().astype(np.float32), rate=16)
            for row in tones_BN + 0.01 * noise_BN
        ]


class TonePlugin:
    @hookimpl
    def nextgpt_manifest(self) -> Manifest:
        return Manifest(
            summary="Tones",
            license="Apache-2.0",
            modalities=(Modality(name="tone", summary="", mime=("x/tone",), suffixes=(".tone",)),),
            encoders=(
                Encoder(
                    name="blocks",
                    modality="tone",
                    tokens=10,
                    width=16,
                    varying=True,
                    target=f"{__name__}:ToneEncoder",
                ),
            ),
            decoders=(
                Decoder(
                    name="sines",
                    modality="tone",
                    signals=2,
                    conditions=(
                        Condition(name="melody", tokens=3, width=6),
                        Condition(name="volume", tokens=1, width=4),
                    ),
                    target=f"{__name__}:ToneDecoder",
                    options=f"{__name__}:ToneOptions",
                ),
            ),
        )

    @hookimpl
    def nextgpt_read_media(self, modality: str, blob: Blob) -> Media | None:
        if modality != "tone":
            return None
        samples = np.array(json.loads(blob.data), dtype=np.float32)
        return Media("tone", samples, rate=16, source=blob.name)

    @hookimpl
    def nextgpt_write_media(self, media: Media, stem: Path) -> Path | None:
        if media.modality != "tone":
            return None
        path = stem.with_name(stem.name + ".tone")
        path.write_text(json.dumps(media.data.tolist()))
        return path


def test_modality_of_this_file_chats_end_to_end(tmp_path: Path) -> None:
    plugin = TonePlugin()
    builder = (
        Builder("tones")
        .llm(save_tiny_llm(tmp_path / "llm"))
        .plugin("tones", plugin)
        .channel(
            "tone",
            encoder="blocks",
            decoder={"name": "sines", "options": {"samples": 64}},
            input_projection="mlp",
            output_projection={"kind": "query", "options": {"width": 8, "layers": 1, "heads": 2}},
        )
        .channel(
            "short",
            modality="tone",
            encoder="blocks",
            decoder="sines",
            input_projection={"kind": "resampler", "options": {"tokens": 2, "heads": 2}},
            output_projection="linear",
        )
    )
    file = tmp_path / "a.tone"
    file.write_text(json.dumps([0.0] * 40))

    with builder.build(untrained=True) as pipeline:
        talk = pipeline.conversation()
        long = ("tone", np.ones(80, dtype=np.float32))
        first = talk.say(
            ["Play on:", ("tone", file), "and", long, ("short", file)],
            require={"tone": 2, "short": 1},
            max_tokens=8,
        )
        second = talk.say("Once more", require={"short": 1}, max_tokens=8)
        written = pipeline.write(first.media[0].media, tmp_path / "out")
        back = pipeline.read(("tone", written))
        folder = pipeline.save(tmp_path / "saved")
        prompt_answer = pipeline.chat("same", require={"tone": 1}, deterministic=True)

    assert [made.channel for made in first.media] == ["tone", "tone", "short"]
    assert [made.media.data.shape for made in first.media] == [(64,), (64,), (32,)]
    assert first.timings.encoded_media == 2  # both channels have the same encoder: one file, once
    assert second.timings.encoded_media == 0
    assert second.timings.reused_tokens > 0
    assert _media(back).modality == "tone"

    catalog = Catalog.of({"tones": plugin})
    with Pipeline.from_pretrained(folder, untrained=True, catalog=catalog) as loaded:
        again = loaded.chat("same", require={"tone": 1}, deterministic=True)
    assert again.ids == prompt_answer.ids
    assert isinstance(again.parts[-1], GeneratedMedia)


def _media(part: Any) -> Media:
    assert isinstance(part.media, Media)
    return part.media
