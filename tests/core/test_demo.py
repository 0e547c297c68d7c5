"""`nextgpt demo`: a script is read, played on a tiny system and written down."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nextgpt_core.demo.play import exchange_json, play
from nextgpt_core.demo.script import Line, Talk, read_script, talks
from nextgpt_core.intake.reading import Reader
from nextgpt_core.testing import SystemKit, ToyPlugin, glyph
from nextgpt_core.testing.toy import PLUGIN
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.cli import main
from nextgpt_registry.configfile import dump_config, load_config
from nextgpt_registry.errors import ConfigError, MediaError, RequestError
from nextgpt_registry.messages import MediaPart

SCRIPT = """
title: A tiny demo
notes: [Made for a test.]
conversations:
  - title: Words
    turns:
      - {parts: [{text: hello}]}
      - {parts: [{text: draw it}], want: [glyph], about: [glyph], seed: 40}
  - turns:
      - {parts: [{media: one.glyph}, {text: 'and this?'}], want: [text, glyph, glyph]}
"""
READER = Reader(Catalog.of({"toy": ToyPlugin()}), {"glyph": "glyph"})
pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A config with a demo beside it, and a distribution that installs the toy plugin."""
    folder = tmp_path_factory.mktemp("demo")
    config = SystemKit(folder).trained(demo="demo/demo.yaml")
    (folder / "kit.yaml").write_text(dump_config(config))
    (folder / "demo").mkdir()
    (folder / "demo" / "demo.yaml").write_text(SCRIPT)
    PLUGIN.nextgpt_write_media(glyph(1), folder / "demo" / "one")
    dist = folder / "site" / "toy_plugin-1.0.dist-info"
    dist.mkdir(parents=True)
    (dist / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-plugin\nVersion: 1.0\n")
    (dist / "entry_points.txt").write_text(
        "[nextgpt.plugins]\ntoy = nextgpt_core.testing.toy:PLUGIN\n"
    )
    return folder


@pytest.fixture
def demo(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """`demo("kit.yaml", …)` in this process: exit code, stdout, stderr."""
    monkeypatch.syspath_prepend(str(folder / "site"))
    monkeypatch.chdir(folder)

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["demo", *map(str, arguments)])
        out, err = capfd.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


# --- scripts --------------------------------------------------------------------------------------


def test_script_is_read_with_its_media(folder: Path) -> None:
    path = folder / "demo" / "demo.yaml"

    words, other = talks(read_script(path), path.parent, READER, ["glyph"], who="demo")

    assert [line.direction for line in words.lines] == ["text->text", "glyph->glyph"]
    assert other.lines[0].parts == (MediaPart("glyph", glyph(1)), "and this?")
    assert other.lines[0].direction == "glyph->text+glyph"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("conversations: [{turns: [{parts: [{text: a, media: b}]}]}]", "wanted {text: …}"),
        ("conversations: [{turns: [{parts: [{text: a, name: b}]}]}]", "wanted {text: …}"),
        ("conversations: [{turns: [{parts: [{words: a}]}]}]", "words: is no known key"),
        ("conversations: [{turns: [{parts: []}]}]", "parts: "),
        ("conversations: []", "conversations: "),
        ("[1, 2]", "cannot be read"),
        ("{", "is no YAML"),
    ],
)
def test_wrong_script_says_where(tmp_path: Path, text: str, told: str) -> None:
    path = write(tmp_path / "demo.yaml", text)

    with pytest.raises(ConfigError, match=told) as raised:
        read_script(path)

    assert str(path) in str(raised.value)


@pytest.mark.parametrize(
    ("turn", "error", "told"),
    [
        ("{parts: [{text: a}], want: [glyphs]}", ConfigError, "did you mean 'glyph'"),
        ("{parts: [{text: a}], about: [smell]}", ConfigError, "wants 'smell'"),
        ("{parts: [{media: none.glyph}]}", MediaError, "there is no such file"),
        ("{parts: [{media: one.glyph, name: smell}]}", RequestError, "is no channel"),
    ],
)
def test_script_is_held_against_the_system(
    folder: Path, tmp_path: Path, turn: str, error: type[Exception], told: str
) -> None:
    path = write(tmp_path / "demo.yaml", f"conversations: [{{turns: [{turn}]}}]")

    with pytest.raises(error, match=told):
        talks(read_script(path), folder / "demo", READER, ["glyph"], who="demo")


# --- playing --------------------------------------------------------------------------------------


def test_conversations_start_afresh_and_seeds_count_up(tmp_path: Path) -> None:
    same = Line(("hello",), ("text",))
    seen: list[str] = []
    with SystemKit(tmp_path).pipeline() as pipeline:
        first, second, third = play(
            pipeline,
            [Talk("", (same, same)), Talk("", (same,))],
            seed=5,
            starting=lambda line: seen.append(line.direction),
        )

    assert [e.answer.seed for e in (first, second, third)] == [5, 6, 7]
    assert [(e.talk, e.number) for e in (first, second, third)] == [(1, 1), (1, 2), (2, 3)]
    assert first.answer.ids == third.answer.ids  # greedy: only the turns before matter
    assert first.answer.ids != second.answer.ids
    assert seen == ["text->text"] * 3


def test_an_exchange_knows_what_came_and_what_did_not(tmp_path: Path) -> None:
    with SystemKit(tmp_path).pipeline() as pipeline:
        answer = pipeline.chat("hi", require={"glyph": 1})
        (exchange,) = play(pipeline, [Talk("", (Line(("hi",), ("glyph", "glyph")),))])

    told = exchange_json(exchange)
    assert "glyph" in [made.channel for made in answer.media]  # only where it is required:
    assert told["got"] == list(exchange.got) == ["text"]
    assert told["missing"] == ["glyph", "glyph"]
    assert exchange.unasked == ()


# --- the command ----------------------------------------------------------------------------------


def test_demo_writes_one_page_and_prints_a_table(demo: Any, tmp_path: Path) -> None:
    code, out, err = demo("kit.yaml", "--out", tmp_path / "new", "--seed", "3")

    path = tmp_path / "new" / "index.html"
    assert code == 0
    assert [p.name for p in path.parent.iterdir()] == ["index.html"]
    assert f"page: {path}" in out
    assert "missing: glyph" in out
    assert "1 of 3 answers hold what was asked for; 2 do not, and the page says which" in out
    assert "2/3 glyph->glyph" in err
    text = path.read_text("utf-8")
    assert all(told in text for told in ("A tiny demo", "Made for a test.", "Conversation 2"))
    assert all(f"seed {seed} " in text for seed in (3, 40, 5))


def test_demo_prints_json_and_nothing_else(demo: Any, tmp_path: Path) -> None:
    code, out, _ = demo("kit.yaml", "generation.max_tokens=3", "--out", tmp_path, "--json")

    told = json.loads(out)
    assert code == 0
    assert Path(told["page"]) == tmp_path / "index.html"
    assert told["system"] == "kit"
    assert [turn["direction"] for turn in told["turns"]] == [
        "text->text", "glyph->glyph", "glyph->text+glyph",
    ]  # fmt: skip
    assert told["missed"] == [2, 3]
    assert told["timings"]["answering_s"] > 0


def test_demo_plays_a_script_of_ones_own(demo: Any, tmp_path: Path) -> None:
    own = write(tmp_path / "own.yaml", "conversations: [{turns: [{parts: [{text: hi}]}]}]")
    code, out, _ = demo("kit.yaml", "demo=null", "--script", own, "--out", tmp_path)

    assert code == 0
    assert "1 of 1 answers" in out


def test_system_without_a_demo_says_so(demo: Any) -> None:
    code, out, err = demo("kit.yaml", "demo=null")

    assert (code, out) == (2, "")
    assert "has no demo" in err
    assert "--script" in err


def test_saved_system_keeps_its_demo(folder: Path, tmp_path: Path) -> None:
    from nextgpt_core import Pipeline

    catalog = Catalog.of({"toy": ToyPlugin()})
    with Pipeline.from_config(folder / "kit.yaml", catalog=catalog) as pipeline:
        pipeline.save(tmp_path / "saved")

    loaded = load_config(tmp_path / "saved", catalog=catalog)
    assert loaded.base / str(loaded.config.demo) == folder / "demo" / "demo.yaml"
