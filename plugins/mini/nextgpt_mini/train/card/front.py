"""A saved conversation as one picture that moves: what was asked above what came.

`nextgpt chat`'s `/save` writes the conversation. Legend: H height, W width.
"""

from __future__ import annotations

import io
import json
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from nextgpt_mini.train.sheet import picture_of
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.content import replace_file
from nextgpt_registry.errors import RequestError
from nextgpt_registry.media import Blob, Media

_TALK = "conversation.json"
_SIDE, _GAP, _WORDS = 256, 24, 60  # pixels of a medium, between media, of the words above them
_RATE = 8.0
_INK, _PAPER, _QUIET = (28, 36, 40), (255, 255, 255), (110, 120, 126)


def write_front(talk: Path, out: Path, catalog: Catalog) -> Path:
    """Draw the media of a conversation's answers side by side, as an animated WebP.

    Raises:
        RequestError: the folder holds no conversation, or one without media in its answers.
    """
    file = talk / _TALK
    if not file.is_file():
        raise RequestError(str(talk), "holds no conversation", "save one in `nextgpt chat`: /save")
    tiles = [
        (asked, _read(talk / part["path"], part["type"], catalog))
        for asked, part in _made(json.loads(file.read_text("utf-8")))
    ]
    if not tiles:
        raise RequestError(str(talk), "has no media in its answers", "ask for some")
    count = max(len(_frames(medium)) for _, medium in tiles)
    shown = [_drawn(tiles, n) for n in range(count)]
    made = io.BytesIO()
    each_ms = round(1000 / _RATE)
    shown[0].save(
        made, "WEBP", save_all=True, append_images=shown[1:], duration=each_ms, loop=0, quality=85
    )
    return replace_file(out, made.getvalue())


def _made(turns: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """(what was asked, a medium of the answer), in order."""
    found, asked = [], ""
    for turn in turns:
        if turn["role"] == "user":
            asked = " ".join(part.get("text", "…") for part in turn["parts"])
        elif turn["role"] == "assistant":
            found += [(asked, part) for part in turn["parts"] if part.get("path")]
    return found


def _read(path: Path, modality: str, catalog: Catalog) -> Media:
    blob = Blob(path.read_bytes(), name=path.name)
    medium: Media = catalog.hook.nextgpt_read_media(modality=modality, blob=blob)
    return medium


def _frames(medium: Media) -> list[Image.Image]:
    """Squares: a video's frames, a picture, a sound's spectrogram."""
    pictures = list(medium.data) if medium.modality == "video" else [picture_of(medium)]
    square = (_SIDE, _SIDE)
    return [Image.fromarray(np.asarray(one)).resize(square) for one in pictures]


def _drawn(tiles: list[tuple[str, Media]], n: int) -> Image.Image:
    width = len(tiles) * (_SIDE + _GAP) + _GAP
    page = Image.new("RGB", (width, _WORDS + _SIDE + _GAP), _PAPER)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size=15)
    for place, (asked, medium) in enumerate(tiles):
        left = _GAP + place * (_SIDE + _GAP)
        words = textwrap.fill(asked, 34, max_lines=2, placeholder=" …")
        draw.text((left, 14), words, fill=_INK, font=font)
        frames = _frames(medium)
        page.paste(frames[n % len(frames)], (left, _WORDS))
        if medium.modality == "audio":
            small = ImageFont.load_default(size=12)
            draw.text((left, _WORDS + _SIDE + 4), "a sound, as its spectrogram", _QUIET, small)
    return page
