"""The page of a played conversation: whole, self-contained, escaped and honest."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from nextgpt_core.answer import Answer, AnswerPart, FailedMedia, GeneratedMedia, Text, Timings
from nextgpt_core.demo.page import counted, lacking, page
from nextgpt_core.demo.play import Exchange, Played
from nextgpt_core.demo.script import Line
from nextgpt_core.testing import ToyPlugin, glyph
from nextgpt_registry import hookimpl
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.errors import DecodeError, MediaError
from nextgpt_registry.media import Media
from nextgpt_registry.messages import MediaPart


class Showing(ToyPlugin):
    @hookimpl
    def nextgpt_show_media(self, media: Media) -> str | None:
        return f'<b class="glyph">{media.sha256[:8]}</b>'


class Refusing(ToyPlugin):
    @hookimpl
    def nextgpt_show_media(self, media: Media) -> str | None:
        raise MediaError("glyph", "too <strange> to be shown", "")


class Tags(HTMLParser):
    """Checks that tags close in order; collects ids and the addresses that are named."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: set[str] = set()
        self.addresses: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                assert value
                assert value not in self.ids
                self.ids.add(value)
            if name in ("src", "href", "action", "srcset", "poster"):
                self.addresses.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def exchange(
    number: int = 1,
    *parts: AnswerPart,
    said: tuple[Any, ...] = ("Draw it",),
    want: tuple[str, ...] = ("glyph",),
    **more: Any,
) -> Exchange:
    timings = Timings(first_text_s=0.5, language_s=1.0, total_s=2.0, generated_tokens=9)
    answer = Answer(parts, seed=6 + number, timings=timings)
    return Exchange(1, number, Line(said, want, **more), answer)


def played(*exchanges: Exchange, **more: Any) -> Played:
    return Played("kit", more.pop("title", "A demo"), (), ("Talk",), exchanges, **more)


def shown(*exchanges: Exchange, plugin: ToyPlugin | None = None, **more: Any) -> str:
    text = page(played(*exchanges, **more), Catalog.of({"toy": plugin or Showing()}))
    Tags(text)
    return text


def test_page_shows_what_was_said_and_what_came_in_order() -> None:
    made = GeneratedMedia("glyph", glyph(2), seconds=1.25)
    said = (MediaPart("glyph", glyph(1)), "Again")
    text = shown(exchange(1, Text("Here:"), made, Text("Done."), said=said))

    order = [glyph(1).sha256[:8], "Again", "Here:", glyph(2).sha256[:8], "made in 1.2 s", "Done."]
    places = [text.index(piece) for piece in order]
    assert places == sorted(places)
    assert "seed 7 · 9 tokens" in text


def test_what_is_told_about_a_medium_stands_under_it() -> None:
    media = replace(glyph(2), about={"source": "<attic>/cat.png", "score": "0.93"})

    text = shown(exchange(1, GeneratedMedia("glyph", media, seconds=1.25)))

    assert "made in 1.2 s · source: &lt;attic&gt;/cat.png · score: 0.93</figcaption>" in text


def test_page_names_no_address_outside_itself() -> None:
    text = shown(exchange(1, Text("See https://example.org/x.png")))
    tags = Tags(text)

    assert all(address.startswith("#turn-") for address in tags.addresses)
    assert {address[1:] for address in tags.addresses} <= tags.ids
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src data: 'unsafe-inline'" in text


def test_all_text_is_escaped() -> None:
    evil = "<script>alert('&')</script>"
    failed = FailedMedia("glyph", DecodeError("glyph", evil))
    text = page(
        Played(
            evil, evil, (evil,), (evil,),
            (exchange(1, Text(evil), failed, said=(evil,)),), facts={evil: evil},
        ),
        Catalog.of({"toy": Showing()}),
    )  # fmt: skip

    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 8


def test_page_says_what_is_missing() -> None:
    text = shown(exchange(1, Text("I cannot draw.")), exchange(2, GeneratedMedia("glyph", glyph())))

    assert "asked for glyph, got text only" in text
    assert text.count('class="lacking"') == 1
    assert "1 of 2 answers hold what was asked for" in text


@pytest.mark.parametrize(
    ("parts", "want", "told"),
    [
        ((GeneratedMedia("glyph", glyph()),), ("glyph",), ""),
        ((Text("a"),), ("text",), ""),
        ((Text(" "),), ("text",), "asked for text, got nothing"),
        ((), ("glyph",), "asked for glyph, got nothing"),
        ((Text("a"),), ("glyph", "glyph"), "asked for 2 glyph, got text only"),
        ((Text("a"), GeneratedMedia("glyph", glyph())), ("glyph", "glyph"),
         "asked for 2 glyph, got text, glyph"),
        (
            (GeneratedMedia("glyph", glyph()),),
            ("text", "glyph"),
            "asked for text, glyph, got glyph",
        ),
    ],
)  # fmt: skip
def test_lacking_says_what_was_asked_and_what_came(
    parts: tuple[AnswerPart, ...], want: tuple[str, ...], told: str
) -> None:
    assert lacking(exchange(1, *parts, want=want)) == told


def test_page_tells_of_media_that_nobody_asked_for() -> None:
    text = shown(exchange(1, Text("Hi"), GeneratedMedia("glyph", glyph()), want=("text",)))

    assert "not asked for: glyph" in text
    assert 'class="lacking"' not in text


def test_medium_that_no_plugin_can_show_is_named() -> None:
    made = exchange(1, GeneratedMedia("glyph", glyph()))

    assert "no plugin shows glyph" in shown(made, plugin=ToyPlugin())
    assert "too &lt;strange&gt; to be shown" in shown(made, plugin=Refusing())


def test_directions_link_to_their_turns() -> None:
    turns = [
        exchange(1, Text("a"), want=("text",)),
        exchange(2, Text("a"), want=("glyph",), about=("glyph",)),
        exchange(3, Text("a"), want=("glyph", "text")),
    ]
    grid, rest = shown(*turns).split("</nav>")

    assert re.findall(r'#turn-\d">(\d)</a><span class="(\w+)"', grid) == [
        ("1", "good"),
        ("2", "bad"),
    ]
    assert "several at once: " in rest
    assert "glyph → glyph" in rest


def test_timings_add_up() -> None:
    text = shown(
        *(exchange(n, GeneratedMedia("glyph", glyph(), seconds=0.25)) for n in (1, 2)), load_s=3.0
    )
    rows = re.findall(r"<tr>(.*?)</tr>", text.partition("<details>")[2])

    assert [re.sub("<.*?>", "|", row).strip("|").split("||")[0] for row in rows] == [
        "turn", "1", "2", "all",
    ]  # fmt: skip
    assert re.findall(r"[\d.]+", re.sub("<.*?>", " ", rows[-1])) == ["2.00", "0.50", "4.00"]
    assert "answered in 4.0 s, after 3.0 s of loading" in text


def test_counted_keeps_order() -> None:
    assert counted(("b", "a", "b")) == "2 b, a"
    assert counted(()) == ""
