"""The public names are those of the history, and what changed of them is judged by the policy."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nextgpt_registry import API

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
SPECS, HOOKS = "nextgpt_registry.specs", "nextgpt_registry.hookspecs"
PROTOCOLS, CONTENT = "nextgpt_registry.protocols", "nextgpt_registry.content"


@pytest.fixture(scope="module")
def surface() -> Iterator[Any]:
    spec = importlib.util.spec_from_file_location("surface", REFERENCE / "surface.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["surface"] = module  # dataclasses look there
    spec.loader.exec_module(module)
    yield module
    del sys.modules["surface"]


@pytest.fixture(scope="module")
def names(surface: Any) -> dict[str, str]:
    return dict(surface.current())


@pytest.fixture(scope="module")
def page(surface: Any) -> str:
    text: str = surface.HISTORY.read_text("utf-8")
    return text


def test_no_public_name_changed_that_the_api_is_too_low_for(
    surface: Any, page: str, names: dict[str, str]
) -> None:
    told = surface.owed(page, names, API)

    assert not told, "\n".join(told)


def test_every_public_name_stands_in_the_history(
    surface: Any, page: str, names: dict[str, str]
) -> None:
    told = surface.unrecorded(page, names)

    assert not told, "\n".join(told)


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        (f"{HOOKS}:nextgpt_smell_media", "-> str | None", "minor"),
        (f"{HOOKS}:nextgpt_show_media.size", "int", "minor"),
        (f"{HOOKS}:nextgpt_show_media.media", None, "major"),
        (f"{HOOKS}:nextgpt_show_media", "-> str | None", "major"),  # every plugin is asked
        (f"{SPECS}:Modality.colour", "str = ''", "minor"),
        (f"{SPECS}:Modality.colour", "str", "major"),
        (f"{SPECS}:Modality.sample", None, "major"),
        (f"{SPECS}:Modality.suffixes", "frozenset[str]", "major"),
        (f"{SPECS}:Modality.suffixes", "tuple[str, ...] = ()", "minor"),
        (f"{SPECS}:Decoder.max_batch", "int = Field(default=1, gt=0)", "major"),
        (f"{SPECS}:Encoder.width", "int, Field(gt=8)", "major"),
        (f"{SPECS}:Encoder.width", "int = Field(default=0, gt=0)", "minor"),
        (f"{SPECS}:Encoder.width", "int = Field(default=0, gt=8)", "major"),
        (f"{SPECS}:Recipe", "class(Spec)", "minor"),
        (f"{PROTOCOLS}:Encoder.unload", "-> None", "major"),
        (f"{PROTOCOLS}:Decoder.decode.seeds", "Sequence[int] = ()", "major"),
        (f"{PROTOCOLS}:StreamingDecoder", "class(Decoder, Protocol)", "minor"),
        (f"{CONTENT}:replace_file.mode", "int = 420", "minor"),
        (f"{CONTENT}:replace_file.mode", "int", "major"),
        ("nextgpt_registry:Catalog", None, "major"),
        ("nextgpt_core:Stream", "", "minor"),
    ],
)
def test_each_change_is_minor_or_major(
    surface: Any, names: dict[str, str], name: str, text: str | None, kind: str
) -> None:
    changed = {**names, name: text} if text is not None else {**names}
    if text is None:
        del changed[name]

    [change] = surface.changes(names, changed)

    assert (change.name, change.kind) == (name, kind)
    assert f"{name}: {change.what} ({kind})" in str(change)


def test_a_change_asks_for_the_api_it_takes_and_is_then_written_down(
    surface: Any, names: dict[str, str]
) -> None:
    page = surface.written("<!-- released: 1.0 -->\n<!-- names -->\n<!-- end -->", names, "1.0")
    more = {**names, f"{SPECS}:Modality.colour": "str | None = None"}
    fewer = {name: text for name, text in names.items() if name != f"{SPECS}:Limit.of"}

    refused, broken = surface.owed(page, more, "1.0"), surface.owed(page, fewer, "1.1")
    later = surface.written(page, more, "1.1")

    assert refused[0].startswith(f"{SPECS}:Modality.colour: added (minor)")
    assert "raise API in specs.py from 1.0 to 1.1" in refused[-1]
    assert "raise API in specs.py from 1.1 to 2.0" in broken[-1]
    assert surface.owed(page, more, "1.1") == []
    assert surface.unrecorded(page, more)
    assert surface.unrecorded(later, more) == surface.owed(later, more, "1.1") == []
    assert "| `Modality.colour` | `str \\| None = None` | 1.1 |" in later
    assert "| `Modality.name` | `Name` | 1.0 |" in later


def test_what_a_minor_version_brought_may_change_until_it_is_released(
    surface: Any, names: dict[str, str]
) -> None:
    page = surface.written("<!-- released: 1.0 -->\n<!-- names -->\n<!-- end -->", names, "1.0")
    page = surface.written(page, {**names, f"{SPECS}:Modality.colour": "str = ''"}, "1.1")

    assert surface.owed(page, names, "1.1") == []
    assert surface.owed(page.replace("released: 1.0", "released: 1.1"), names, "1.1")


def test_before_the_first_release_all_may_change_and_comes_with_it(
    surface: Any, names: dict[str, str]
) -> None:
    page = surface.written("<!-- released: none -->\n<!-- names -->\n<!-- end -->", names, "1.1")
    fewer = {name: text for name, text in names.items() if name != f"{SPECS}:Limit.of"}

    later = surface.written(page, fewer, "1.0")

    assert surface.owed(page, fewer, "1.0") == []
    assert surface.unrecorded(page, fewer)
    assert {since for _, since in surface.recorded(page).values()} == {"1.1"}
    assert {since for _, since in surface.recorded(later).values()} == {"1.0"}
    with pytest.raises(AssertionError, match="does not say what is released"):
        surface.owed(page.replace("none", "never"), fewer, "1.0")
