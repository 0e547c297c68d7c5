"""What is told about a medium goes wherever it is shown, and is no part of what it is."""

from __future__ import annotations

import io
import pickle
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from nextgpt_core.answer import GeneratedMedia, MediaDone, MediaStarted
from nextgpt_core.cli.render import Gallery, part_json
from nextgpt_core.cli.run import _media_lines
from nextgpt_core.cli.session import _Screen
from nextgpt_core.html import show_parts
from nextgpt_core.intake.reading import Reader
from nextgpt_core.testing import SystemKit, glyph
from nextgpt_registry.media import Media

TOLD = {"source": "attic/cat.png", "score": "0.93"}


def found() -> Media:
    return replace(glyph(1), about=TOLD)


def test_it_is_no_part_of_the_content() -> None:
    assert found() == glyph(1)
    assert found().sha256 == glyph(1).sha256
    assert glyph(1).about == {}


def test_it_crosses_to_a_process_of_its_own() -> None:
    assert pickle.loads(pickle.dumps(found())).about == TOLD


def test_json_and_lines_of_an_answer_tell_it(tmp_path: Path) -> None:
    with SystemKit(tmp_path).pipeline() as pipeline:
        reader: Reader = pipeline.reader
        told = part_json(GeneratedMedia("glyph", found()), Gallery(reader, tmp_path))
        plain = part_json(GeneratedMedia("glyph", glyph(1)), Gallery(reader, tmp_path))

    assert told["about"] == TOLD
    assert "about" not in plain
    assert list(_media_lines([told]))[1:] == ["  source: attic/cat.png", "  score: 0.93"]
    assert len(list(_media_lines([plain]))) == 1


def test_a_chat_tells_it(tmp_path: Path) -> None:
    shown = io.StringIO()

    with SystemKit(tmp_path).pipeline() as pipeline:
        screen = _Screen(Console(file=shown, width=200), Gallery(pipeline.reader, tmp_path))
        screen.show(MediaStarted(0, "glyph"))
        screen.show(MediaDone(0, "glyph", found(), 0.1))

    assert shown.getvalue().splitlines()[-2:] == ["  source: attic/cat.png", "  score: 0.93"]


def test_a_contact_sheet_tells_it(tmp_path: Path) -> None:
    with SystemKit(tmp_path).pipeline() as pipeline:
        shown = show_parts(
            pipeline.system.catalog,
            [GeneratedMedia("glyph", found()), GeneratedMedia("glyph", glyph(1))],
        )

    assert shown.count("source: ") == 1
    assert "source: attic/cat.png" in shown
