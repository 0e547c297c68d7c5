"""A modality that is installed is served: no file of the server knows this one."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from openai import OpenAI
from pydantic import Field
from torch import Tensor, nn

from nextgpt_core.testing import SystemKit
from nextgpt_registry import (
    Blob,
    Condition,
    Decoder,
    Encoder,
    Manifest,
    Media,
    Modality,
    Options,
    hookimpl,
)
from nextgpt_registry.errors import MediaError
from nextgpt_registry.protocols import DecodeBatch


class RuneOptions(Options):
    """How a rune is carved."""

    strokes: int = Field(default=4, ge=1, le=9)


class RuneReader(nn.Module):
    """Two tokens of a rune."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.map = nn.Linear(2, 8)

    def load(self, paths: Mapping[str, Path]) -> None:
        assert not paths

    def preprocess(self, media: Sequence[Media]) -> Tensor:
        return torch.stack([torch.from_numpy(m.data[:2]).float().repeat(2, 1) for m in media])

    def forward(self, x_BTD: Tensor) -> Tensor:
        y_BTD: Tensor = self.map(x_BTD)
        return y_BTD


class RuneCarver(nn.Module):
    """As many strokes as it is told."""

    def __init__(self, options: RuneOptions) -> None:
        super().__init__()

    def load(self, paths: Mapping[str, Path]) -> None:
        assert not paths

    def batch_key(self, options: RuneOptions) -> Hashable:
        return options.strokes

    def decode(self, batch: DecodeBatch) -> list[Media]:
        batch.on_step(1, 1)
        strokes = [torch.rand(batch.options.strokes, generator=one) for one in batch.generators]
        return [Media("rune", row.numpy().astype(np.float32)) for row in strokes]


class RunePlugin:
    @hookimpl
    def nextgpt_manifest(self) -> Manifest:
        return Manifest(
            summary="Runes",
            license="Apache-2.0",
            modalities=(
                Modality(
                    name="rune",
                    summary="strokes on a stone",
                    mime=("application/x-rune+json",),
                    suffixes=(".rune", ".stone"),
                    writes=(".rune", ".stone"),
                    part_types=("rune_url", "input_rune"),
                ),
            ),
            encoders=(
                Encoder(
                    name="reader",
                    modality="rune",
                    tokens=2,
                    width=8,
                    target=f"{__name__}:RuneReader",
                ),
            ),
            decoders=(
                Decoder(
                    name="carver",
                    modality="rune",
                    signals=2,
                    conditions=(Condition(name="text", tokens=1, width=4),),
                    target=f"{__name__}:RuneCarver",
                    options=f"{__name__}:RuneOptions",
                ),
            ),
        )

    @hookimpl
    def nextgpt_read_media(self, modality: str, blob: Blob) -> Media | None:
        if modality != "rune":
            return None
        try:
            strokes = json.loads(blob.data)
        except ValueError as error:
            raise MediaError(
                blob.name or "rune", f"is no JSON: {error}", "carve it anew"
            ) from error
        return Media("rune", np.array(strokes, dtype=np.float32))

    @hookimpl
    def nextgpt_write_media(self, media: Media, stem: Path, suffix: str) -> Path | None:
        if media.modality != "rune":
            return None
        path = stem.with_name(f"{stem.name}{suffix}")
        path.write_text(json.dumps(media.data.tolist()))
        return path


@pytest.fixture
def client(tmp_path: Path, serve: Callable[..., Any]) -> Any:
    both = {"encoder": "reader", "decoder": "carver"}
    channels = {"rune": both, "mark": {"modality": "rune", "decoder": "carver"}}
    kit = SystemKit(tmp_path, plugins={"runes": RunePlugin()}, channels=channels)
    with kit.pipeline() as pipeline:
        yield serve(pipeline).client()


def test_modality_of_this_file_is_served(client: OpenAI) -> None:
    part: Any = {"type": "rune_url", "rune_url": {"url": "data:application/x-rune+json,[1,2,3]"}}
    text = {"type": "text", "text": "Read, and carve"}
    user: Any = {"role": "user", "content": [part, text]}
    extras = {
        "require": {"rune": 1, "mark": 1},
        "decoder_options": {"rune": {"strokes": 2}},
        "format": {"mark": "stone"},
    }

    answer: Any = client.chat.completions.create(
        model="kit", messages=[user], max_tokens=4, seed=1, extra_body={"nextgpt": extras}
    )
    message = answer.choices[0].message
    after: Any = [user, message, {"role": "user", "content": [text]}]
    again: Any = client.chat.completions.create(model="kit", messages=after, max_tokens=4)
    schema = client._client.get(f"{client.base_url}".replace("/v1/", "/openapi.json")).json()

    assert answer.usage.prompt_tokens_details.media_tokens == 2
    media = {part["channel"]: part for part in message.parts if part["type"] == "rune_url"}
    assert set(media) == {"rune", "mark"}
    assert {part["mime_type"] for part in media.values()} == {"application/x-rune+json"}
    carved = client._client.get(media["rune"]["rune_url"]["url"])
    assert len(carved.json()) == 2
    stone = client._client.get(media["mark"]["rune_url"]["url"])
    assert 'filename="mark.stone"' in stone.headers["content-disposition"]
    assert again.choices  # a medium of a channel that takes none goes back all the same
    types = schema["components"]["schemas"]["ContentPart"]["anyOf"]
    assert {"rune_url", "input_rune", "rune_generation_call"} <= {
        one["properties"]["type"]["const"] for one in types
    }
    made: Any = client.post("/generations/mark", body={"prompt": "Carve"}, cast_to=object)
    assert made["data"][0]["mime_type"] == "application/x-rune+json"
    response: Any = client.responses.create(
        model="kit",
        input="Carve",
        max_output_tokens=4,
        tools=[{"type": "rune_generation"}],  # type: ignore[list-item]
    )
    assert response.status in ("completed", "incomplete")
