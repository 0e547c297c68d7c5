"""The commands that talk: run, chat, pull."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from nextgpt_core.cli.run import Spaced
from nextgpt_core.cli.session import Session
from nextgpt_core.testing import SystemKit
from nextgpt_core.testing.toy_parts import RowEncoder
from nextgpt_registry.cli import main

Run = Callable[..., tuple[int, str, str]]
pytestmark = pytest.mark.timeout(120)


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
        assert part["seconds"] > 0
        assert part["duration_s"] is None
    assert shown["timings"]["generated_tokens"] > 0


def test_parts_keep_the_order_of_the_line_and_options_may_stand_anywhere(
    nextgpt: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(
        "nextgpt_core.cli.run._answer", lambda _, parts, *a, **k: asked.extend(parts) or 1 / 0
    )
    monkeypatch.setenv("NEXTGPT_DEBUG", "1")
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
    assert (tmp_path / saved[2]["parts"][0]["path"]).is_file()
    assert not Path(saved[2]["parts"][0]["path"]).is_absolute()


def test_saved_chat_moves_and_is_gone_on_with(nextgpt: Run, tmp_path: Path) -> None:
    first = ["hello", "/media one.glyph", "and this?", f"/save {tmp_path / 'talk'}"]
    nextgpt("chat", "kit.yaml", "--out", tmp_path / "out", lines=first)
    (tmp_path / "talk").rename(tmp_path / "moved")

    lines = ["/reset", f"/load {tmp_path / 'moved'}", "go on", f"/save {tmp_path / 'again'}"]
    code, out, _ = nextgpt("chat", "kit.yaml", "--load", tmp_path / "moved", lines=lines)

    assert code == 0
    assert out.count("4 messages]") == 2
    before, after = (
        json.loads((tmp_path / name / "conversation.json").read_text())
        for name in ("moved", "again")
    )
    assert after[:4] == before
    assert len(after) == 6
    name = before[2]["parts"][0]["path"]
    assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "moved" / name).read_bytes()


def test_chat_saved_over_another_leaves_none_of_its_media(nextgpt: Run, tmp_path: Path) -> None:
    talk = tmp_path / "talk"
    lines = ["/media one.glyph", "this?", f"/save {talk}", f"/save {talk}"]
    nextgpt("chat", "kit.yaml", "--out", tmp_path / "out", lines=lines)
    (talk / "mine.txt").write_text("mine")
    twice = {path.name for path in talk.iterdir()}

    nextgpt("chat", "kit.yaml", "--out", tmp_path / "out", lines=[f"/save {talk}"])

    assert {"conversation.json", "mine.txt"} < twice
    assert {path.name for path in talk.iterdir()} == {"conversation.json", "mine.txt"}


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (None, "cannot be read"),
        ("[{]", "is no conversation"),
        ('{"role": "user"}', "is no conversation"),
        ('[{"role": "user", "parts": [{"type": "glyph", "channel": "smell"}]}]', "'smell'"),
        (
            '[{"role": "user", "parts": [{"type": "glyph", "channel": "glyph", "path": "../x"}]}]',
            "lies outside",
        ),
        (
            '[{"role": "user", "parts": [{"type": "glyph", "channel": "glyph", "path": "x"}]}]',
            "no such file",
        ),
    ],
)
def test_what_is_no_saved_chat_is_said_and_the_talk_goes_on(
    nextgpt: Run, tmp_path: Path, content: str | None, what: str
) -> None:
    if content is not None:
        (tmp_path / "conversation.json").write_text(content)

    code, out, err = nextgpt("chat", "kit.yaml", lines=["hello", f"/load {tmp_path}"])
    failed, _, told = nextgpt("chat", "kit.yaml", "--load", tmp_path)

    assert (code, failed) == (0, 2)
    assert what in out
    assert what in told
    assert "Traceback" not in out + err + told


def test_chat_helps(nextgpt: Run) -> None:
    _, out, _ = nextgpt("chat", "kit.yaml", lines=["/help", "/helo"])

    assert "/load [FOLDER]       go on with one that was saved" in out
    assert "/helo: is no command" in out


def test_run_separates_text_around_media(capsys: pytest.CaptureFixture[str]) -> None:
    written = Spaced()

    written.medium()
    written.text(" Here")
    written.text(" you are:")
    written.medium()
    written.text(" ")
    written.text("And")
    written.text(" this.\n")
    written.medium()
    written.text("Done")

    assert capsys.readouterr().out == " Here you are:\nAnd this.\nDone"


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
    lines = dict(line.split("\t") for line in out.splitlines())
    assert lines.pop("llm") == str(folder / "tiny-llm")
    assert set(lines) == {"weights.signals", "weights.project.glyph"}
    assert all(Path(path).is_file() for path in lines.values())


def test_an_untrained_channel_is_refused_before_anything_loads(
    nextgpt: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nextgpt_core.cli.live.live", lambda *a, **k: 1 / 0)
    bare = ["bare.yaml", "--text", "x", "--out", tmp_path]

    for more in (["--require", "glyph=1"], ["--media", "one.glyph"]):
        code, out, err = nextgpt("run", *bare, *more)

        assert (code, out) == (2, "")
        assert "untrained: no weights of" in err
        assert "nextgpt train kit --stage" in err
        assert "--untrained" in err


def test_untrained_runs_it_all_the_same(nextgpt: Run, tmp_path: Path) -> None:
    code, out, _ = nextgpt(
        "run", "bare.yaml", "--untrained", "--media", "one.glyph", "--text", "x",
        "--require", "glyph=1", "--json", "--out", tmp_path,
    )  # fmt: skip

    assert code == 0
    assert "glyph" in [part["type"] for part in json.loads(out)["parts"]]


def test_a_plan_and_a_chat_say_what_is_untrained(nextgpt: Run) -> None:
    _, trained, _ = nextgpt("plan", "kit.yaml")
    _, bare, _ = nextgpt("plan", "bare.yaml")
    code, said, _ = nextgpt("chat", "bare.yaml", lines=["hello", "/quit"])

    assert "trained     glyph in, glyph out\n" in trained
    assert "untrained" not in trained
    assert "untrained   glyph in (input projection), glyph out (output projection, sig" in bare
    assert code == 0
    assert "untrained: glyph in, glyph out; what works as it is: text" in said


def test_what_an_encoder_leaves_out_is_told_on_stderr_and_in_the_json(
    nextgpt: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "is long: the top is seen"
    monkeypatch.setattr(RowEncoder, "left_out", lambda *_: said, raising=False)

    code, out, err = nextgpt("run", "kit.yaml", "--media", "one.glyph", "--json", "--out", tmp_path)

    assert code == 0
    assert f"[glyph: one.glyph {said} (rows)]" in err
    assert json.loads(out)["notes"] == [f"glyph: one.glyph {said} (rows)"]
