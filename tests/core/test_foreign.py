"""What foreign code prints while a command answers in JSON goes to standard error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from nextgpt_core.testing import SystemKit

LOUD = """
import os, subprocess, sys
from nextgpt_core.testing import toy
from nextgpt_core.testing.toy import MANIFEST
from nextgpt_core.testing.toy_parts import Painter, RowEncoder
from nextgpt_registry import hookimpl


def noise(who):
    print("python:", who)
    os.write(1, f"descriptor: {who}\\n".encode())
    subprocess.run([sys.executable, "-c", f"print('child: {who}')"], check=True)


class LoudRows(RowEncoder):
    def preprocess(self, media):
        noise("encoder")
        return super().preprocess(media)


class LoudPainter(Painter):
    def decode(self, batch):
        noise("decoder")
        return super().decode(batch)


class LoudToy(toy.ToyPlugin):
    @hookimpl
    def nextgpt_manifest(self):
        [encoder], [decoder] = MANIFEST.encoders, MANIFEST.decoders
        return MANIFEST.model_copy(update={
            "encoders": (encoder.model_copy(update={"target": "loud:LoudRows"}),),
            "decoders": (decoder.model_copy(update={"target": "loud:LoudPainter"}),),
        })

    @hookimpl
    def nextgpt_write_media(self, media, stem):
        noise("writer")
        return super().nextgpt_write_media(media, stem)


PLUGIN = LoudToy()
"""
SOUNDS = [f"{way}: {who}" for way in ("python", "descriptor", "child")
          for who in ("encoder", "decoder", "writer")]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A system `kit.yaml` on a plugin that prints in everything it does."""
    (tmp_path / "loud.py").write_text(LOUD)
    info = tmp_path / "loud-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: loud\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[nextgpt.plugins]\nloud = loud:PLUGIN\n")
    config = SystemKit(tmp_path).builder.config().model_dump(mode="json", exclude_defaults=True)
    (tmp_path / "kit.yaml").write_text(yaml.safe_dump(config | {"plugins": ["loud"]}))
    (tmp_path / "a.glyph").write_bytes(b"GLYPH" + bytes(64))
    return tmp_path


def test_json_is_all_that_reaches_standard_output(folder: Path) -> None:
    command = ["run", "kit.yaml", "--media", "a.glyph", "--text", "hello", "--require", "glyph=1"]
    code = "from nextgpt_registry.cli import main; main()"

    ended = subprocess.run(
        [sys.executable, "-c", code, *command, "--untrained", "--json"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    assert [part["type"] for part in json.loads(ended.stdout)["parts"]].count("glyph") == 1
    assert [sound for sound in SOUNDS if sound not in ended.stderr] == []
