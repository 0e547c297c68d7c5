"""`nextgpt run --batch`: many requests out of a file, answers into another."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., tuple[int, str, str]]
pytestmark = pytest.mark.timeout(120)

LINES = (
    json.dumps("hello"),
    json.dumps({"parts": ["what is", {"media": "glyph=one.glyph"}], "require": {"glyph": 1}}),
    "{no json",
    "",
    json.dumps({"parts": [{"media": "nowhere.glyph"}]}),
    json.dumps({"text": "hello"}),
    json.dumps({"parts": "hello", "colour": "red"}),
    json.dumps(["hi", {"text": "there"}]),
)
WRONG = {3: "is no JSON", 5: "nowhere.glyph", 6: "line: is", 7: "unknown: colour"}


def answers(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "answers.jsonl").read_text().splitlines()]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the system was asked."""
    from nextgpt_core.pipeline import Pipeline

    found, chat = [], Pipeline.chat

    def watching(self: Pipeline, parts: Any, **options: Any) -> Any:
        found.append(parts)
        return chat(self, parts, **options)

    monkeypatch.setattr(Pipeline, "chat", watching)
    return found


def test_each_line_has_its_answer_or_an_error_of_its_own(nextgpt: Run, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text("\n".join(LINES))

    code, out, _ = nextgpt(
        *("run", "kit.yaml", "--batch", tmp_path / "in.jsonl", "--out", tmp_path / "out")
    )

    found = {one["line"]: one for one in answers(tmp_path / "out")}
    assert code == 0
    assert "3 answers, 4 errors" in out
    assert list(found) == [1, 2, 3, 5, 6, 7, 8]
    assert {n: one["error"]["message"] for n, one in found.items() if "error" in one}.keys() == (
        WRONG.keys()
    )
    assert all(told in found[number]["error"]["message"] for number, told in WRONG.items())
    (made,) = [part for part in found[2]["parts"] if part["type"] == "glyph"]
    assert Path(made["path"]).parent == tmp_path / "out" / "000002"
    assert Path(made["path"]).is_file()


def test_what_was_answered_is_not_asked_again(
    nextgpt: Run, tmp_path: Path, asked: list[Any]
) -> None:
    lines = [json.dumps({"parts": f"hello {n}", "max_tokens": 2}) for n in range(4)]
    file, out = tmp_path / "in.jsonl", tmp_path / "out"
    file.write_text("\n".join(lines[:2]))
    nextgpt("run", "kit.yaml", "--batch", file, "--out", out)
    with (out / "answers.jsonl").open("a") as written:
        written.write('{"line": 3, "requ')  # killed as it was written
    first = json.loads((out / "answers.jsonl").read_text().splitlines()[0])
    asked.clear()

    file.write_text("\n".join([lines[0], json.dumps("another"), *lines[2:]]))
    nextgpt("run", "kit.yaml", "--batch", file, "--out", out)
    nextgpt("run", "kit.yaml", "--batch", file, "--out", out)

    assert sorted(parts[0] for parts in asked) == ["another", "hello 2", "hello 3"]
    assert [one["line"] for one in answers(out)] == [1, 2, 3, 4]
    assert answers(out)[0] == first


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--batch", "nowhere.jsonl"), "cannot be read"),
        (("--batch", "kit.yaml", "--text", "hello"), "are of one request"),
        (("--batch", "kit.yaml", "--json"), "are of one request"),
    ],
)
def test_batch_that_cannot_be_is_refused(
    nextgpt: Run, tmp_path: Path, more: tuple[str, ...], told: str
) -> None:
    code, _, err = nextgpt("run", "kit.yaml", "--out", tmp_path / "out", *more)

    assert code == 2
    assert told in err
    assert not (tmp_path / "out").exists()
