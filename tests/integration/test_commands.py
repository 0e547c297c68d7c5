"""The commands of the core, on a tiny system whose plugin is installed for the test only."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from nextgpt_core.cli.session import Session
from nextgpt_core.testing import SystemKit, glyph
from nextgpt_core.testing.toy import PLUGIN
from nextgpt_registry.cli import main
from nextgpt_registry.configfile import dump_config
from nextgpt_registry.messages import MediaPart, Turn
from nextgpt_registry.suites import Expected, Prompt, Suite

Run = Callable[..., tuple[int, str, str]]
pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a config, a glyph, and a distribution that installs the toy plugin."""
    folder = tmp_path_factory.mktemp("commands")
    (folder / "kit.yaml").write_text(dump_config(SystemKit(folder).builder.config()))
    PLUGIN.nextgpt_write_media(glyph(1), folder / "one")
    dist = folder / "site" / "toy_plugin-1.0.dist-info"
    dist.mkdir(parents=True)
    (dist / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-plugin\nVersion: 1.0\n")
    (dist / "entry_points.txt").write_text(
        "[nextgpt.plugins]\ntoy = nextgpt_core.testing.toy:PLUGIN\n"
    )
    return folder


@pytest.fixture
def nextgpt(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Run:
    """`nextgpt("run", …)` in this process: exit code, stdout, stderr."""
    monkeypatch.syspath_prepend(str(folder / "site"))
    monkeypatch.chdir(folder)

    def run(*arguments: str | Path, lines: Sequence[str] = ()) -> tuple[int, str, str]:
        capfd.readouterr()
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        with pytest.raises(SystemExit) as ended:
            main([str(a) for a in arguments])
        out, err = capfd.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def test_run_prints_json_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    """In a process of its own, as a user would."""
    command = [sys.executable, "-c", "from nextgpt_registry.cli import main; main()"]
    command += ["run", "kit.yaml", "--text", "hello", "--require", "glyph=2", "--json"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path), "--seed", "7"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "site")},
        capture_output=True,
        text=True,
        check=True,
    )

    shown = json.loads(done.stdout)
    assert (shown["system"], shown["seed"]) == ("kit", 7)
    assert [part["type"] for part in shown["parts"]] == ["text", "glyph", "glyph"]
    for part in shown["parts"][1:]:
        assert Path(part["path"]).is_absolute()
        assert Path(part["path"]).parent == tmp_path
        assert Path(part["path"]).is_file()
        assert part["made_in_s"] > 0
        assert part["duration_s"] is None
    assert shown["timings"]["generated_tokens"] > 0


def test_parts_keep_the_order_of_the_line_and_options_may_stand_anywhere(
    nextgpt: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(
        "nextgpt_core.cli.run._answer", lambda _, parts, *a, **k: asked.extend(parts) or 1 / 0
    )
    line = "run --media one.glyph --text a kit.yaml --media=glyph=one.glyph generation.seed=3"
    with pytest.raises(ZeroDivisionError):
        main([*line.split(), "--text", "b", "--text", "c", "--out", "elsewhere"])

    assert ["".join(p if isinstance(p, str) else "#" for p in asked)] == ["#a#bc"]


def test_run_shows_text_and_where_the_media_are(nextgpt: Run, tmp_path: Path) -> None:
    code, out, err = nextgpt(
        "run", "kit.yaml", "--text", "hello", "--require", "glyph=1", "--out", tmp_path
    )

    assert code == 0
    assert f"glyph: {tmp_path / 'glyph-001.glyph'}" in out
    assert "[glyph …]" in err


def test_run_never_writes_over_a_file(nextgpt: Run, tmp_path: Path) -> None:
    for _ in range(2):
        nextgpt("run", "kit.yaml", "--text", "x", "--require", "glyph=1", "--out", tmp_path)

    assert sorted(p.name for p in tmp_path.iterdir()) == ["glyph-001.glyph", "glyph-002.glyph"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["kit.yaml"], "nothing is asked"),
        (["kit.yaml", "--media", "no.glyph"], "no such file"),
        (["kit.yaml", "--text", "x", "--require", "glyph"], "write NAME=COUNT"),
        (["kit.yaml", "--text", "x", "--require", "smell=1"], "makes no such media"),
        (["kit.yaml", "--text", "x", "generation.seeds=1"], "seeds"),
        (["kit.yaml", "--text", "x", "plugins=[nowhere]"], "nowhere"),
        (["nowhere", "--text", "x"], "nowhere"),
        (["kit.yaml", "--text"], "requires an argument"),
    ],
)
def test_wrong_input_is_one_message_and_exit_code_2(
    nextgpt: Run, arguments: list[str], message: str
) -> None:
    code, out, err = nextgpt("run", *arguments)

    assert code == 2
    assert out == ""
    assert message in err
    assert "Traceback" not in err


def test_failed_medium_is_a_part_of_the_json(nextgpt: Run, tmp_path: Path) -> None:
    override = "modalities.glyph.decoder.options={fail: raise}"
    code, out, _ = nextgpt(
        "run", "kit.yaml", override, "--text", "x", "--require=glyph=1", "--json", "--out", tmp_path
    )

    assert code == 0
    assert json.loads(out)["parts"][-1]["type"] == "error"
    assert "told to fail" in json.loads(out)["parts"][-1]["message"]


def test_chat_reads_lines_from_a_pipe(nextgpt: Run, tmp_path: Path) -> None:
    lines = ["hello", "/media one.glyph", "and this?", "/bogus", f"/save {tmp_path}", "/quit", "x"]
    code, out, _ = nextgpt("chat", "kit.yaml", "--out", tmp_path, lines=lines)

    assert code == 0
    assert "[glyph attached]" in out
    assert "/bogus: is no command" in out
    saved = json.loads((tmp_path / "conversation.json").read_text())
    assert [turn["role"] for turn in saved] == ["user", "assistant", "user", "assistant"]
    assert [part["type"] for part in saved[2]["parts"]] == ["glyph", "text"]
    assert Path(saved[2]["parts"][0]["path"]).is_file()


def test_chat_forgets_when_told_and_ends_with_its_input(nextgpt: Run, tmp_path: Path) -> None:
    code, _, _ = nextgpt("chat", "kit.yaml", lines=["hello", "/reset", "", f"/save {tmp_path}"])

    assert code == 0
    assert json.loads((tmp_path / "conversation.json").read_text()) == []


def test_chat_writes_the_media_of_an_answer(nextgpt: Run, folder: Path, tmp_path: Path) -> None:
    shown = io.StringIO()
    with SystemKit(folder).pipeline() as pipeline:
        session = Session(pipeline, Console(file=shown), tmp_path)
        session._options = {"require": {"glyph": 2}}
        session.take("hello")

    assert shown.getvalue().count(".glyph") == 2
    assert len(list(tmp_path.iterdir())) == 2


def test_pull_names_where_everything_is(nextgpt: Run, folder: Path) -> None:
    code, out, _ = nextgpt("pull", "kit.yaml")

    assert code == 0
    assert out == f"llm\t{folder / 'tiny-llm'}\n"


def test_eval_asks_what_a_suite_s_file_says(nextgpt: Run, folder: Path, tmp_path: Path) -> None:
    lines = [
        {"suite": "pets", "goals": {"*/structure": 0.5, "*/false_media": {"most": 1.0}}},
        {
            "id": "1",
            "direction": "glyph->text",
            "turns": [
                {"role": "user", "parts": [{"kind": "glyph", "file": "one.glyph"}, "What is it?"]}
            ],
            "expected": [{"kind": "text"}],
        },
    ]
    suite = folder / "suite.jsonl"
    suite.write_text("".join(json.dumps(line) + "\n" for line in lines))

    code, out, _ = nextgpt("eval", "kit.yaml", "--suite", suite, "--out", tmp_path, "--json")

    report = json.loads(out)
    assert code == 0
    assert (report["suite"], report["n"]) == ("pets", 1)
    assert {"directions", "judges", "goals", "goals_missed"} <= set(report)
    assert report["directions"]["glyph->text"]["false_media"] is not None
    assert (tmp_path / "suite.jsonl").is_file()
    assert "glyph-&gt;text" in (tmp_path / "index.html").read_text()


def test_eval_prints_a_table(nextgpt: Run, folder: Path, tmp_path: Path) -> None:
    (folder / "chat.jsonl").write_text(
        '{"suite": "chat"}\n'
        '{"id": "1", "direction": "text->text", "expected": [{"kind": "text"}], "turns": '
        '[{"role": "user", "parts": ["Hi"]}]}\n'
        '{"dialogue": [{"role": "user", "parts": ["Hi"]}, '
        '{"role": "assistant", "parts": ["Ho"]}]}\n'
    )

    code, out, _ = nextgpt("eval", "kit.yaml", "--suite", folder / "chat.jsonl", "--out", tmp_path)

    assert code == 0
    assert "text->text" in out
    assert "times" in out
    assert "goals missed: none, of 0" in out


class Words:
    """Dialogues without an end, from words to words."""

    def __getitem__(self, number: int) -> tuple[Turn, ...]:
        return (Turn("user", (f"Say {number % 7}.",)), Turn("assistant", (f"{number % 7}.",)))


def words() -> Suite:
    said = Prompt("say", "text->text", (Expected("text"),), (Turn("user", ("Say 3.",)),))
    return Suite("words", [said])


def test_ablate_writes_one_table_and_goes_on(
    nextgpt: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path / "cache"))
    run = {"batch": 2, "window": 1, "samples": 0, "validate_on": 0}
    config = SystemKit(folder).builder.set(
        training={"encode": {"target": f"{__name__}:Words", "run": {"parts": ["signals"], **run}}},
        suites={"words": {"target": f"{__name__}:words"}},
        ablations="axes.yaml",
    )
    (folder / "trained.yaml").write_text(dump_config(config.config()))
    (folder / "axes.yaml").write_text(
        "{suite: words, stages: [encode], columns: {says: '*->text/structure'},"
        " axes: {signals: {as it is: {}, one: {set: [modalities.glyph.signals=1]}}}}"
    )
    command = ("ablate", "trained.yaml", "--out", tmp_path, "--steps", "1", "--limit", "1")

    code, out, err = nextgpt(*command)
    again, _, silent = nextgpt(*command)

    assert (code, again) == (0, 0), err
    assert "signals: one (1 to do" in err
    assert "to do" not in silent
    assert "as it is" in out
    assert "| signals | one |" in (tmp_path / "ablations.md").read_text()
    assert nextgpt("ablate", "kit.yaml")[0] == 2


class Named:
    """Eight dialogues in which a glyph is asked for by another name."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, number: int) -> tuple[Turn, ...]:
        made = MediaPart("sketch", glyph(number), caption=f"thing {number}")
        return Turn("user", (f"Sketch thing {number}.",)), Turn("assistant", ("Here: ", made))


SKETCH = f"""
define: {{query: {{kind: query, options: {{width: 16, layers: 1, heads: 2, ffn: 32}}}}}}
modalities:
  sketch: {{modality: glyph, decoder: painter, output_projection: "${{define.query}}"}}
training:
  decode:
    target: "{__name__}:Named"
    run: {{steps: 2, batch: 2, window: 1, samples: 0, validate_on: 0}}
suites:
  sketches: {{target: "{__name__}:words"}}
"""


def test_a_channel_is_planned_added_and_used(
    nextgpt: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path / "cache"))
    addition, out = tmp_path / "sketch.yaml", tmp_path / "new"
    addition.write_text(SKETCH)

    code, planned, err = nextgpt("plan", "kit.yaml", "--add", addition, "--json")
    assert code == 0, err
    assert json.loads(planned)["signals"]["blocks"][1]["channel"] == "sketch"

    code, shown, err = nextgpt("train", "kit.yaml", "--add", addition, "--out", out, "lr=0.01")
    assert code == 0, err
    assert "sketch-decode: 2 steps" in shown
    assert shown.endswith(f"sketch: trained\nsystem: {out}\n")
    run = json.loads((out / "runs" / "sketch-decode" / "run.json").read_text())
    assert run["settings"]["lr"] == 0.01

    code, planned, err = nextgpt("plan", out)
    assert code == 0, err
    assert "sketch.output" in planned
    code, shown, err = nextgpt(
        "run", out, "--text", "hello", "--require", "sketch=1", "--out", tmp_path / "made", "--json"
    )
    assert code == 0, err
    assert "glyph" in [part["type"] for part in json.loads(shown)["parts"]]
    code, shown, err = nextgpt(
        "eval", out, "--suite", "sketches", "--out", tmp_path / "e", "--json"
    )
    assert code == 0, err
    code, shown, err = nextgpt("chat", out, lines=["/quit"])
    assert code == 0, err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--add", "toy", "--out", "new"], "toy: this plugin offers nothing to add"),
        (["--add", "sketch.yaml"], "give --out DIR"),
        (["--add", "sketch.yaml", "--out", "new", "--stage", "decode"], "--stage: does not go"),
        (["--add", "sketch.yaml", "--out", "new", "lrr=1"], "lrr=1"),
    ],
)
def test_what_cannot_be_added_is_told(
    nextgpt: Run, folder: Path, arguments: list[str], told: str
) -> None:
    (folder / "sketch.yaml").write_text(SKETCH)

    code, _, err = nextgpt("train", "kit.yaml", *arguments)

    assert code == 2
    assert told in err
    assert not (folder / "new").exists()
