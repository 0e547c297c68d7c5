"""Places that results cannot be put: told at the start, whatever the command."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nextgpt_registry.cli import main

COMMANDS = {
    "run": "run absent --text hello --out {}",
    "chat": "chat absent --out {}",
    "demo": "demo absent --out {}",
    "eval": "eval absent --out {}",
    "ablate": "ablate absent --out {}",
    "train": "train absent --out {}",
    "train, export": "train absent --export {}",
    "train, add": "train absent --add absent --out {}",
    "convert": "convert nextgpt-7b-v1.5 absent --out {}",
    "twin": "twin absent --out {}",
    "retrieval index": "retrieval index absent --out {}",
    "mini recipe": "mini recipe --out {}",
    "mini card": "mini card absent --out {}",
}
PLACES = ("a file", "in a file", "a long name", "a link to nowhere", "where nothing is made")


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    found = (tmp_path / "file", tmp_path / "file" / "a", tmp_path / ("a" * 300), tmp_path / "link")
    return dict(zip(PLACES, (*found, Path("/proc/nextgpt")), strict=True))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", COMMANDS)
def test_out_that_cannot_be_used_is_told_before_anything_is_done(
    name: str, place: str, places: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    line = COMMANDS[name].split()
    before = sorted(places["a file"].parent.iterdir())
    loaded = {one for one in ("torch", "transformers") if one in sys.modules}

    with pytest.raises(SystemExit) as ended:
        main([one.format(places[place]) for one in line])

    told = capsys.readouterr()
    assert ended.value.code == 2
    assert told.err.startswith(("nextgpt: --out", "nextgpt: --export"))
    assert told.out == ""
    assert loaded == {one for one in ("torch", "transformers") if one in sys.modules}
    assert sorted(places["a file"].parent.iterdir()) == before
    assert places["a file"].read_text() == "mine"
