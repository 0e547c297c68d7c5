"""A saved conversation becomes one picture that moves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nextgpt_mini.train.card.front import write_front
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.errors import RequestError
from nextgpt_registry.media import Media

CATALOG = Catalog.discover(("image", "audio", "video"))


def saved(folder: Path, *media: Media) -> Path:
    """A conversation in which each medium answers a request, as `nextgpt chat` saves it."""
    turns: list[object] = []
    for n, medium in enumerate(media):
        path = CATALOG.hook.nextgpt_write_media(
            media=medium,
            stem=folder / f"made-{n}",
            suffix=CATALOG.modality(medium.modality).written[0],
        )
        part = {"type": medium.modality, "channel": medium.modality, "path": path.name}
        turns.append({"role": "user", "parts": [{"type": "text", "text": f"Make number {n}."}]})
        turns.append({"role": "assistant", "parts": [{"type": "text", "text": "Here."}, part]})
    (folder / "conversation.json").write_text(json.dumps(turns))
    return folder


def test_media_of_every_kind_move_side_by_side(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    picture = Media("image", chance.integers(0, 255, (64, 64, 3), np.uint8))
    video = Media("video", chance.integers(0, 255, (6, 64, 64, 3), np.uint8), 8.0)
    sound = Media("audio", chance.uniform(-0.5, 0.5, 16_000).astype(np.float32), 16_000.0)

    path = write_front(saved(tmp_path, picture, video, sound), tmp_path / "front.webp", CATALOG)

    with Image.open(path) as made:
        assert made.n_frames == 6
        assert made.width > 3 * 256


def test_a_conversation_without_media_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="holds no conversation"):
        write_front(tmp_path, tmp_path / "front.webp", CATALOG)
    with pytest.raises(RequestError, match="no media in its answers"):
        write_front(saved(tmp_path), tmp_path / "front.webp", CATALOG)
    assert not (tmp_path / "front.webp").exists()
