"""mini's chain of runs at its smallest, from nothing: parts, judges and stages, in one command."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from nextgpt_core.testing.tiny import save_tiny_llm
from nextgpt_mini.encoders import ClipEncoder, PictureEncoder, SoundEncoder
from nextgpt_registry.cli import main
from nextgpt_registry.tensors import load_compact

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Mismatch dtype"),  # torch, under autocast
]


def test_a_chain_from_nothing_to_weights_and_its_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NEXTGPT_OFFLINE", "1")
    monkeypatch.setattr(signal, "signal", lambda *given: None)
    for encoder in (PictureEncoder, ClipEncoder, SoundEncoder):
        monkeypatch.setattr(encoder, "load", lambda self, paths: None)  # random ones will do
    llm, empty = save_tiny_llm(tmp_path / "llm"), tmp_path / "empty"
    empty.touch()
    given = [f"llm.path=file:{llm}", "llm.sha256=null", "llm.facts=null"]
    for channel in ("image", "audio", "video"):
        given += [f"modalities.{channel}.encoder.weights.model.source=file:{empty}"]

    def recipe(*options: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(["mini", "recipe", "--smoke", "--out", str(tmp_path / "out"), *options, *given])
        return int(ended.value.code or 0)

    assert recipe() == 0

    weights = tmp_path / "cache" / "runs" / "mini-smoke" / "mini" / "weights"
    rows = json.loads((tmp_path / "out" / "recipe.json").read_text())
    assert [row["step"] for row in rows if row["steps"] != row["of"]] == []
    assert {"text", "picture", "encode", "instruct", "decode"} <= {row["step"] for row in rows}
    assert all(row["figures"] for row in rows)
    assert all(row["seconds_per_step"] > 0 for row in rows)
    assert load_compact(weights / "project.image.safetensors")
    assert sum(p.stat().st_size for p in (tmp_path / "out").rglob("*") if p.is_file()) < 300_000
    assert "from nothing to weights" in capsys.readouterr().out
    assert recipe() == 0  # all is done: nothing is run again
