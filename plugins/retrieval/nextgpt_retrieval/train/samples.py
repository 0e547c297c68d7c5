"""A library of mini's world, to search without media of one's own: pictures and what they show.

Of each thing there are three: on its usual ground, on the ground that is held out for it, and in
the number that is. So whatever the suite asks for lies among others that differ in one fact.
Nothing is trained on them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from nextgpt_registry.content import replace_file
from nextgpt_world.data import Dialogues
from nextgpt_world.dialogues.follow import usual
from nextgpt_world.library import STYLES
from nextgpt_world.scene import Picture, caption
from nextgpt_world.split import held_out_combinations

CAPTIONS = "captions.jsonl"
_QUALITY = 60


@cache
def held_out(fact: str, thing: str) -> str:
    """The value of a fact that is never trained on with a thing."""
    return next(v for f, t, v in sorted(held_out_combinations()) if (f, t) == (fact, thing))


def scenes(things: tuple[str, ...]) -> Iterator[Picture]:
    """What the pictures show."""
    for thing in things:
        ground = usual("colour", thing)
        yield Picture(thing, ground)
        yield Picture(thing, held_out("colour", thing))
        yield Picture(thing, ground, held_out("count", thing))


def write_samples(folder: Path, library: str = "") -> int:
    """Pictures of 128 x 128 as WebP, and a file of their captions; returns how many.

    `library` is the file of sprites, or `samples`, as mini's dialogues take it.

    Raises:
        SourceError: there is no such library of sprites.
    """
    source, lines = Dialogues("instruct", library=library), []
    for scene in scenes(source.cast.things):
        name = f"{caption(scene).replace(' ', '-')}.webp"
        seed = int.from_bytes(caption(scene).encode()[-6:])
        picture = source.render(scene, seed, STYLES[0])
        replace_file(folder / name, _webp(picture.data))
        lines.append(json.dumps({"file": name, "caption": caption(scene)}))
    replace_file(folder / CAPTIONS, ("\n".join(lines) + "\n").encode())
    return len(lines)


def _webp(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    made = io.BytesIO()
    Image.fromarray(pixels).save(made, "WEBP", quality=_QUALITY, method=6)
    return made.getvalue()
