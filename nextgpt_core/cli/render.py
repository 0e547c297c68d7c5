"""Answers as files, lines and JSON. Knows nothing about how they were made; imports no torch."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from nextgpt_core.answer import Answer, AnswerPart, FailedMedia, GeneratedMedia, Text
from nextgpt_core.intake.reading import Reader
from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Media


class Gallery:
    """Writes media into a folder, numbered, never over a file that is there.

    Two names that differ in case alone are one file on some systems, and so they count here.
    """

    def __init__(self, reader: Reader, folder: Path) -> None:
        self._reader = reader
        self._folder = folder.expanduser().absolute()

    def add(self, channel: str, media: Media) -> Path:
        """Write a medium; returns its absolute path.

        Raises:
            MediaError: it cannot be written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            taken = {path.stem.casefold() for path in self._folder.iterdir()}
        except OSError as error:
            raise MediaError(
                str(self._folder), f"cannot be used: {error}", "choose another"
            ) from error
        number = 1
        while f"{channel}-{number:03d}".casefold() in taken:
            number += 1
        return self._reader.write(media, self._folder / f"{channel}-{number:03d}").absolute()


def answer_json(system: str, answer: Answer, gallery: Gallery) -> dict[str, Any]:
    """The answer as `nextgpt run --json` prints it; its media are written."""
    return {
        "system": system,
        "seed": answer.seed,
        "finish": answer.finish,
        "parts": [part_json(part, gallery) for part in answer.parts],
        **({"notes": list(answer.notes)} if answer.notes else {}),
        "timings": dataclasses.asdict(answer.timings),
    }


def part_json(part: AnswerPart, gallery: Gallery) -> dict[str, Any]:
    """One part; the `type` of a medium is its modality."""
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case GeneratedMedia(channel, media, seconds, prompt):
            return {
                "type": media.modality,
                "channel": channel,
                "path": str(gallery.add(channel, media)),
                "seconds": round(seconds, 4),
                "duration_s": duration_s(media),
                **({"prompt": prompt} if prompt else {}),
                **({"about": dict(media.about)} if media.about else {}),
            }
        case FailedMedia(channel, error):
            return {"type": "error", "channel": channel, "message": str(error)}


def duration_s(media: Media) -> float | None:
    """How long a medium lasts: its first dimension over its rate; None where there is no rate."""
    shape = getattr(media.data, "shape", None)
    if not media.rate or not shape:
        return None
    return round(shape[0] / media.rate, 4)
