"""A page of what was asked and what came, failures included, with small copies of all media."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import soundfile
from PIL import Image

from nextgpt_mini.train.sheet import picture_of
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.content import replace_file
from nextgpt_registry.media import Blob, Media

EACH = 2
"""Requests shown of each direction: the first that were asked, whatever came of them."""
_KINDS = {".png": "image", ".mp4": "video", ".wav": "audio"}
_LONGEST = 300


def write_gallery(evaluation: Path, page: Path, catalog: Catalog) -> None:
    """Write `page` and, in a folder of its name, its media, once all of them are made."""
    media = page.with_suffix("")
    with TemporaryDirectory(dir=page.parent, prefix=f".{media.name}.") as aside:
        made = Path(aside) / media.name
        made.mkdir()
        text = _page(evaluation, _Shower(catalog, made))
        if media.exists():
            media.replace(Path(aside) / "before")
        made.replace(media)
    replace_file(page, text.encode())


def _page(evaluation: Path, shower: _Shower) -> str:
    asked = {line["id"]: line for line in _lines(evaluation / "suite.jsonl") if "id" in line}
    results = _lines(evaluation / "results.jsonl")
    lines = [
        "# Gallery",
        "",
        "Requests of the evaluation, the first of each direction as they came, failures included:",
        "words that were never combined so in training. A video moves; a sound is shown as its",
        "spectrogram, which links to the sound. ✗ marks what the judges did not find.",
    ]
    for direction in dict.fromkeys(result["direction"] for result in results):
        lines += ["", f"## {direction}", "", "| asked | answered | judged |", "| --- | --- | --- |"]
        for result in [r for r in results if r["direction"] == direction][:EACH]:
            said = shower.turns(asked[result["id"]]["messages"], evaluation)
            came = shower.answer(result, evaluation)
            lines.append(f"| {said} | {came} | {_verdict(result)} |")
    return "\n".join(lines) + "\n"


class _Shower:
    """Media as Markdown, a numbered copy for each time that one is shown."""

    def __init__(self, catalog: Catalog, folder: Path) -> None:
        self._catalog, self._folder = catalog, folder
        self._count = 0

    def turns(self, turns: Iterable[Mapping[str, Any]], evaluation: Path) -> str:
        parts = [part for turn in turns for part in turn["parts"]]
        return " ".join(
            _plain(part) if isinstance(part, str) else self._medium(evaluation / part["file"])
            for part in parts
            if isinstance(part, str) or part.get("file")
        )

    def answer(self, result: Mapping[str, Any], evaluation: Path) -> str:
        parts = [_plain(result["text"])] if result["text"] else []
        parts += [self._medium(evaluation / "media" / name) for name in result["media"]]
        return "<br>".join(parts) or _plain(result["error"] or "nothing")

    def _medium(self, path: Path) -> str:
        kind = _KINDS[path.suffix]
        blob = Blob(path.read_bytes(), name=path.name)
        medium = self._catalog.hook.nextgpt_read_media(modality=kind, blob=blob)
        self._count += 1
        return _SHOWN[kind](medium, self._folder, f"{self._count:03d}")


def _picture(medium: Media, folder: Path, name: str) -> str:
    file = folder / f"{name}.webp"
    Image.fromarray(medium.data).save(file, quality=90)
    return _image(file, folder)


def _clip(medium: Media, folder: Path, name: str) -> str:
    file = folder / f"{name}.webp"
    first, *others = (Image.fromarray(frame) for frame in medium.data)
    frame_ms = round(1000 / (medium.rate or 8))
    first.save(file, save_all=True, append_images=others, duration=frame_ms, loop=0, quality=75)
    return _image(file, folder)


def _sound(medium: Media, folder: Path, name: str) -> str:
    file = folder / f"{name}.webp"
    Image.fromarray(picture_of(medium)).save(file, quality=80)
    heard = folder / f"{name}.ogg"
    soundfile.write(heard, medium.data, int(medium.rate or 16_000), format="OGG")
    return f"[{_image(file, folder)}]({folder.name}/{heard.name})"


_SHOWN: Mapping[str, Callable[[Media, Path, str], str]] = {
    "image": _picture,
    "video": _clip,
    "audio": _sound,
}


def _image(file: Path, folder: Path) -> str:
    return f"![{file.stem}]({folder.name}/{file.name})"


def _plain(text: str) -> str:
    """Text that no Markdown table is broken by."""
    words = " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]} …"


def _verdict(result: Mapping[str, Any]) -> str:
    """What was wanted, each fact marked as found or not."""
    marks = []
    for kind, wanted, told in zip(
        result["expected"], result["wanted"], result["judged"], strict=True
    ):
        facts = [
            value if (told or {}).get(fact) == value else f"✗ {value}"
            for fact, value in wanted.items()
        ]
        there = "" if kind in result["kinds"] else "✗ "
        marks.append(f"{there}{kind}: {', '.join(facts)}" if facts else f"{there}{kind}")
    return "<br>".join(marks)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]
