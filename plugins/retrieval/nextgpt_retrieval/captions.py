"""What is said of a file: by a list of captions, a file beside it, or its name. Reads no media."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nextgpt_registry.documents import json_of
from nextgpt_registry.errors import MediaError

_CAMERA = re.compile(r"^(img|image|dsc|dscn|dscf|pxl|vid|mov|rec|screenshot|photo)$")
_BREAK = re.compile(r"[\W_]+|(?<=[a-z])(?=[A-Z])")


def caption_of(path: Path, name: str, told: Mapping[str, str]) -> str:
    """The caption of a file that is called `name` in the file of captions.

    Raises:
        MediaError: the file beside it cannot be read.
    """
    return told.get(name) or _beside(path) or from_name(path)


def from_name(path: Path) -> str:
    """The words of a file's name, without numbers and what cameras write: `IMG_12_redCar.jpg`."""
    words = [word.lower() for word in _BREAK.split(path.stem) if word]
    plain = [word for word in words if not word.isdecimal() and not _CAMERA.match(word)]
    return " ".join(plain) or path.stem


def read_captions(path: Path) -> dict[str, str]:
    """{file: caption} of a JSONL or CSV file whose rows have `file` and `caption`.

    Raises:
        MediaError: it cannot be read, or a row lacks one of them.
    """
    try:
        text = path.read_text("utf-8-sig")
        rows = list(_csv(text) if path.suffix.lower() == ".csv" else _jsonl(text))
    except (OSError, ValueError, csv.Error) as error:
        raise MediaError(
            str(path), f"cannot be read: {error}", "give JSONL or CSV in UTF-8"
        ) from error
    found: dict[str, str] = {}
    for number, row in rows:
        file, caption = (row.get(key) for key in ("file", "caption"))
        if not (isinstance(file, str) and isinstance(caption, str) and file and caption.strip()):
            raise MediaError(
                f"{path}, line {number}",
                f"has {', '.join(map(str, row)) or 'nothing'}, wanted `file` and `caption`",
                'write {"file": "cat.png", "caption": "a red cat"}, the file from the folder',
            )
        found[Path(file).as_posix()] = caption.strip()
    return found


def _beside(path: Path) -> str:
    plain, told = path.with_suffix(".txt"), path.with_suffix(".json")
    try:
        if plain.is_file():
            return " ".join(plain.read_text("utf-8").split())
        if told.is_file():
            caption = json_of(told.read_bytes()).get("caption", "")
            return str(caption).strip()
    except (OSError, ValueError, AttributeError) as error:
        raise MediaError(
            f"the caption beside {path.name}", f"cannot be read: {error}", "mend or remove it"
        ) from error
    return ""


def _jsonl(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            row = json_of(line)
            yield number, row if isinstance(row, dict) else {}


def _csv(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    yield from enumerate(csv.DictReader(io.StringIO(text)), 2)
