"""`nextgpt bench` on a tiny system: what is printed and written, never how fast."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nextgpt_core.benchmark import run
from nextgpt_core.benchmark.rows import Comparison, Figure, LeftOut, Pair, alternating
from nextgpt_core.benchmark.subject import Subject

Run = Callable[..., tuple[int, str, str]]
pytestmark = pytest.mark.timeout(240)
PLUGIN_ROWS = f"[nextgpt.benchmarks]\nserving = {__name__}:"


def figure(name: str) -> Figure:
    return Figure(name, "what it does", "s", "this way", "that way")


def served(subject: Subject) -> Iterator[Comparison | LeftOut]:
    """What a plugin compares."""
    yield Comparison(
        (figure("serving.first"),), lambda: alternating(lambda: (2.0,), lambda: (4.0,))
    )
    yield LeftOut("serving.last", "nothing listens")


def interrupted(subject: Subject) -> Iterator[Comparison]:
    def rounds() -> Iterator[tuple[Pair]]:
        raise KeyboardInterrupt
        yield

    yield Comparison((figure("serving.never"),), rounds)


def test_json_is_all_that_is_printed(nextgpt: Run) -> None:
    code, out, _ = nextgpt("bench", "kit.yaml", "--quick", "--json", "--only", "text.step")

    told = json.loads(out)
    assert code == 0
    assert [row["name"] for row in told["rows"]] == ["text.step"]
    assert {"processor", "cores", "torch", "others"} <= set(told["machine"])


def test_table_names_the_machine_and_what_is_left_out(nextgpt: Run, tmp_path: Path) -> None:
    code, out, _ = nextgpt(
        *("bench", "kit.yaml", "--quick", "--only", "alike", "--only", "decode"),
        *("--out", tmp_path / "out"),
    )

    assert code == 0
    assert out.startswith("kit\n")
    assert "cores busy" in out
    assert "4 glyph in one answer: one call, against a call each" in out
    assert "left out: decode.glyph (" in out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("benchmark.json", "benchmark.md", "benchmark.svg")
    ]


@pytest.mark.slow
def test_whole_processes_are_measured(
    nextgpt: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(folder / "site"))

    code, out, _ = nextgpt(
        *("bench", "kit.yaml", "--quick", "--json", "--only", "start", "--only", "batch")
    )

    told = json.loads(out)
    assert code == 0
    assert told["left_out"] == {}
    assert [row["name"] for row in told["rows"]] == [
        *("start.cpu", "start.memory", "start.plugin", "batch.memory")
    ]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--only", "text.klients"), "did you mean 'text.clients'"),
        (("--minutes", "0"), "give a number above 0"),
        (("--out", "/proc/a"), "cannot be used"),
        (("benchmark=nowhere.yaml",), "nowhere.yaml"),
    ],
)
def test_benchmark_that_cannot_be_is_refused(
    nextgpt: Run, more: tuple[str, ...], said: str
) -> None:
    code, out, err = nextgpt("bench", "kit.yaml", "--quick", *more)

    assert (code, out) == (2, "")
    assert said in err


def test_ctrl_c_leaves_nothing_written(
    nextgpt: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "OWN", (served, interrupted))

    code, out, err = nextgpt("bench", "kit.yaml", "--json", "--out", tmp_path / "out")

    assert (code, out) == (130, "")
    assert "nextgpt: interrupted" in err
    assert not (tmp_path / "out").exists()


def installed(folder: Path, name: str) -> str:
    dist = folder / "nextgpt_serving-1.0.dist-info"
    dist.mkdir()
    (dist / "METADATA").write_text("Metadata-Version: 2.1\nName: nextgpt-serving\nVersion: 1.0\n")
    (dist / "entry_points.txt").write_text(f"{PLUGIN_ROWS}{name}\n")
    return str(folder)


def test_installed_plugins_bring_rows(
    nextgpt: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(installed(tmp_path, "served"))

    code, out, _ = nextgpt("bench", "kit.yaml", "--json", "--only", "serving")

    told = json.loads(out)
    assert code == 0
    assert [(row["name"], row["ratio"]) for row in told["rows"]] == [("serving.first", 0.5)]
    assert told["left_out"] == {"serving.last": "nothing listens"}


def test_rows_that_cannot_be_had_are_their_plugins_fault(
    nextgpt: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(installed(tmp_path, "nothing_of_the_kind"))

    code, _, err = nextgpt("bench", "kit.yaml", "--quick")

    assert code == 2
    assert "nothing_of_the_kind" in err
