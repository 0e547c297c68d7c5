"""`nextgpt run --batch`: a request on each line of a file, an answer on each line of another.

Goes on where it was broken off: a line that was answered is not asked again. Knows no modality.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nextgpt_core.cli.again import said_how_to_go_on
from nextgpt_registry.errors import NextGPTError, RequestError
from nextgpt_registry.outputs import check_folder
from nextgpt_registry.paths import shortened

if TYPE_CHECKING:
    from nextgpt_core.batch import Outcome
    from nextgpt_core.pipeline import Pipeline

_FILE = "give a text file with a request on each line"
_FIX = 'write text in quotes, or {"parts": ["text", {"media": "[NAME=]PATH"}], "seed": 1}'


def run_batch(
    system: str, overrides: Sequence[str], file: Path, out: Path, *, untrained: bool
) -> None:
    """Answer every line of a file that has no answer yet.

    Raises:
        RequestError: the file cannot be read, or the folder not be used.
    """
    lines = _lines(file)
    folder = check_folder(out)
    answers = folder / "answers.jsonl"
    done = _answered(answers, lines)
    asked = [number for number, line in enumerate(lines, 1) if line.strip()]
    waiting = [number for number in asked if number not in done]
    if waiting:
        from nextgpt_registry.plan import plan_system

        planned = plan_system(system, overrides)

        from nextgpt_core.cli.live import live  # lazy: torch

        with live(planned, untrained=untrained) as pipeline, said_how_to_go_on():
            done |= _ask(pipeline, lines, waiting, answers, before=len(done))
    _write(answers, [done[number] for number in sorted(done)])
    failed = sum("error" in one for one in done.values())
    sys.stdout.write(f"{answers}: {len(done) - failed} answers, {failed} errors\n")


def _ask(
    pipeline: Pipeline, lines: Sequence[str], waiting: Sequence[int], answers: Path, *, before: int
) -> dict[int, dict[str, Any]]:
    """Ask, and write each answer down as it comes."""
    from nextgpt_core.batch import outcomes
    from nextgpt_core.progress import Progress

    refused: dict[int, NextGPTError] = {}

    def requests() -> Iterator[Mapping[str, Any]]:
        for number in waiting:
            try:
                yield _request(pipeline, lines[number - 1])
            except NextGPTError as error:
                refused[number] = error
                yield {}  # which is refused: the error of its line is told instead

    found: dict[int, dict[str, Any]] = {}
    answers.parent.mkdir(parents=True, exist_ok=True)
    with (
        Progress("batch", total=before + len(waiting), done=before) as progress,
        answers.open("a", encoding="utf-8") as file,
    ):
        for place, outcome in outcomes(pipeline.chat, requests()):
            number = waiting[place]
            outcome = refused.pop(number, outcome)
            found[number] = _record(pipeline, number, lines[number - 1], outcome, answers.parent)
            file.write(json.dumps(found[number], ensure_ascii=False) + "\n")
            file.flush()
            progress.tell(before + len(found), {})
    return found


def _request(pipeline: Pipeline, line: str) -> Mapping[str, Any]:
    """The arguments of `chat` that a line says.

    Raises:
        RequestError: it says none.
        MediaError: a medium cannot be read.
    """
    try:
        given = json.loads(line)
    except ValueError as error:
        raise RequestError("line", f"is no JSON: {error}", _FIX) from error
    if isinstance(given, str | list):
        given = {"parts": given}
    if not isinstance(given, dict) or "parts" not in given:
        raise RequestError("line", f"is {shortened(given)}", _FIX)
    parts = given["parts"] if isinstance(given["parts"], list) else [given["parts"]]
    return given | {"parts": [_part(pipeline, part) for part in parts]}


def _part(pipeline: Pipeline, part: object) -> Any:
    match part:
        case str():
            return part
        case {"text": str() as text, **rest} if not rest:
            return text
        case {"media": str() as medium, **rest} if not rest:
            return pipeline.read(medium)
    raise RequestError("line", f"holds the part {shortened(part)}", _FIX)


def _record(
    pipeline: Pipeline, number: int, line: str, outcome: Outcome, folder: Path
) -> dict[str, Any]:
    """What is written down of one request; its media are files beside."""
    from nextgpt_core.cli.render import Gallery, answer_json

    about = {"line": number, "request": _digest(line)}
    try:
        if isinstance(outcome, NextGPTError):
            raise outcome
        gallery = Gallery(pipeline.reader, folder / f"{number:06d}")
        return about | answer_json(pipeline.config.name, outcome, gallery)
    except NextGPTError as error:
        return about | {"error": {"type": error.page, "message": str(error)}}


def _lines(file: Path) -> list[str]:
    try:
        text = file.expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise RequestError(
            f"--batch {shortened(str(file))}", f"cannot be read: {error}", _FILE
        ) from error
    return text.split("\n")


def _answered(answers: Path, lines: Sequence[str]) -> dict[int, dict[str, Any]]:
    """By line: what was answered before, of the requests that are still the same."""
    found: dict[int, dict[str, Any]] = {}
    if not answers.is_file():
        return found
    for line in answers.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
            number, digest = record["line"], record["request"]
        except (ValueError, TypeError, KeyError):
            continue  # cut off as it was written
        known = isinstance(number, int) and 1 <= number <= len(lines)
        if known and "error" not in record and digest == _digest(lines[number - 1]):
            found[number] = record
    return found


def _write(answers: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """All records by line, in place of what was there."""
    answers.parent.mkdir(parents=True, exist_ok=True)
    new = answers.with_suffix(".part")
    new.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), "utf-8")
    os.replace(new, answers)


def _digest(line: str) -> str:
    return hashlib.sha256(line.strip().encode()).hexdigest()[:16]
