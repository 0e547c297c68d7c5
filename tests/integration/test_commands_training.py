"""The commands that measure and train: eval, ablate, and train with another channel."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from nextgpt_core.testing import SystemKit, glyph
from nextgpt_registry.configfile import dump_config
from nextgpt_registry.messages import MediaPart, Message
from nextgpt_registry.suites import Expected, Prompt, Suite

Run = Callable[..., tuple[int, str, str]]
pytestmark = pytest.mark.timeout(120)


def test_eval_asks_what_a_suite_s_file_says(nextgpt: Run, folder: Path, tmp_path: Path) -> None:
    lines = [
        {"suite": "pets", "goals": {"*/structure": 0.5, "*/false_media": {"most": 1.0}}},
        {
            "id": "1",
            "direction": "glyph->text",
            "messages": [
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
        '{"id": "1", "direction": "text->text", "expected": [{"kind": "text"}], "messages": '
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

    def __getitem__(self, number: int) -> tuple[Message, ...]:
        return (Message("user", (f"Say {number % 7}.",)), Message("assistant", (f"{number % 7}.",)))


def words() -> Suite:
    said = Prompt("say", "text->text", (Expected("text"),), (Message("user", ("Say 3.",)),))
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

    def __getitem__(self, number: int) -> tuple[Message, ...]:
        made = MediaPart("sketch", glyph(number), caption=f"thing {number}")
        return Message("user", (f"Sketch thing {number}.",)), Message("assistant", ("Here: ", made))


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
