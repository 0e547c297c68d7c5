"""Media and answers as files, in notebooks and in a browser, through their plugins."""

from __future__ import annotations

import os
import pickle
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from nextgpt_core import Answer, FailedMedia, GeneratedMedia, Media, Text
from nextgpt_core.intake.hooks import check_media
from nextgpt_core.intake.reading import Reader
from nextgpt_core.testing import ToyPlugin, glyph
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.errors import MediaError, RequestError
from nextgpt_registry.hookspecs import hookimpl


class Showing(ToyPlugin):
    """Shows glyphs."""

    @hookimpl
    def nextgpt_show_media(self, media: Media) -> str | None:
        return f"<code>{media.data.sum()}</code>" if media.modality == "glyph" else None


CATALOG = Catalog.of({"toy": Showing()})


@pytest.fixture
def made() -> GeneratedMedia:
    return GeneratedMedia("glyph", check_media(CATALOG, glyph()))


def test_part_is_saved_in_the_format_that_its_name_says(
    made: GeneratedMedia, tmp_path: Path
) -> None:
    path = made.save(tmp_path / "deep" / "a.b.GLYPH")

    assert path.name == "a.b.GLYPH"
    assert Reader(CATALOG, {"glyph": "glyph"}).path(path).media == glyph()


@pytest.mark.parametrize("name", ["a.png", "a", ".glyph", "..", ""])
def test_format_that_nobody_writes_is_refused(
    made: GeneratedMedia, tmp_path: Path, name: str
) -> None:
    with pytest.raises(MediaError):
        made.save(tmp_path / name)

    assert list(tmp_path.iterdir()) == []


def test_medium_of_no_system_says_how_it_is_saved(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"Pipeline\.write"):
        glyph().save(tmp_path / "a.glyph")
    assert glyph()._repr_html_() is None


def test_medium_that_travels_leaves_its_plugins(made: GeneratedMedia) -> None:
    arrived = pickle.loads(pickle.dumps(made.media))

    assert arrived == made.media
    assert arrived.plugins is None


def test_answer_is_text_and_html(made: GeneratedMedia) -> None:
    failed = FailedMedia("glyph", RequestError("glyph", "is out", "wait"))
    answer = Answer((Text("Here <you> are: "), made, failed), seed=0)

    assert str(answer).startswith("Here <you> are: [glyph][glyph: glyph: is out")
    html = answer._repr_html_()
    assert "Here &lt;you&gt; are: " in html
    assert f"<code>{glyph().data.sum()}</code>" in html
    assert "is out" in html


def test_notebook_shows_in_its_cell(made: GeneratedMedia, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    ipython, display = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    ipython.get_ipython = object  # type: ignore[attr-defined]
    display.display = shown.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)

    made.show()

    assert shown == [made.media]


def test_program_shows_in_a_browser(
    made: GeneratedMedia, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)

    Answer((Text("a"), made), seed=0).show()

    page = Path(opened[0].removeprefix("file://"))
    assert page.is_relative_to(os.fspath(tmp_path))
    assert "<code>" in page.read_text()
