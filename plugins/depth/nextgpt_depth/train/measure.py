"""How far the distances in an evaluation's depth maps are off, beside an empty scene's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from nextgpt_depth.files import read
from nextgpt_depth.modality import DEPTH
from nextgpt_depth.train.data import Dialogues
from nextgpt_depth.train.geometry import Errors, errors, mean
from nextgpt_depth.train.scenes import WALL
from nextgpt_depth.train.suite import questions, truth
from nextgpt_registry.errors import SourceError
from nextgpt_registry.media import Blob, Media

Found = tuple[str, Errors, Errors]
"""Direction, errors of what was made, errors of the wall without any thing."""


def table(folder: Path, *, library: str = "") -> str:
    """One line for each direction: how many maps, their errors and those of a bare wall.

    Raises:
        SourceError: there is no evaluation in the folder, or none of depth maps.
    """
    found = list(compare(folder, library=library))
    if not found:
        raise SourceError(str(folder), "has no depth maps", "run `nextgpt eval` with suite depth")
    lines = ["direction      maps  AbsRel  delta1  bare wall's AbsRel  delta1"]
    for direction in dict.fromkeys(name for name, _, _ in found):
        made = [one for name, one, _ in found if name == direction]
        bare = mean([one for name, _, one in found if name == direction])
        own = mean(made)
        lines.append(
            f"{direction:14}{len(made):5}{own.absrel:8.3f}{own.delta1:8.3f}"
            f"{bare.absrel:20.3f}{bare.delta1:8.3f}"
        )
    return "\n".join(lines)


def compare(folder: Path, *, library: str = "") -> Iterator[Found]:
    """The first depth map of every answer, held against the truth."""
    path = folder / "results.jsonl"
    if not path.is_file():
        raise SourceError(str(path), "no such file", "give a folder of `nextgpt eval --out`")
    source = Dialogues("make", split="held_out", library=library)
    asked = {question.id: question for question in questions(source)}
    for line in path.read_text("utf-8").splitlines():
        result = json.loads(line)
        files = [f for f in result["media"] if f.endswith(DEPTH.suffixes[0])]
        if not files or result["id"] not in asked:
            continue
        made = read(Blob((folder / "media" / files[0]).read_bytes(), files[0]))
        true = truth(source, asked[result["id"]])
        if made is not None:
            yield result["direction"], errors(made, true), errors(_bare(true), true)


def _bare(like: Media) -> Media:
    rows, columns = like.data.shape
    wall = np.linspace(*WALL, rows, dtype=np.float32)[:, None].repeat(columns, 1)
    return Media(DEPTH.name, wall)
