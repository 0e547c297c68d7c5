"""A saved system finds what lies in this plugin's wheel, wherever the two are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import nextgpt_mini
from nextgpt_core import Builder
from nextgpt_core.testing import save_tiny_llm
from nextgpt_registry import dump_config, load_config

HERE = Path(nextgpt_mini.__file__).parent
RUN = """
import sys
from nextgpt_core import Pipeline
with Pipeline.from_pretrained(sys.argv[1], untrained=True) as pipeline:
    options = {"image": {"steps": 1}}
    answer = pipeline.chat("Draw a cat.", require={"image": 1}, decoder_options=options)
    print(sum(part.media.data.size for part in answer.media))
"""


def test_a_channel_is_added_to_mini_in_python() -> None:
    builder = Builder.from_system("mini").plugin("depth").channel("depth", decoder="depth-flow")

    config = builder.config()

    assert (*load_config("mini").config.modalities, "depth") == tuple(config.modalities)
    assert config.plugins[-1] == "depth"
    assert str(HERE) not in dump_config(config)


@pytest.mark.slow
def test_a_saved_system_is_moved(tmp_path: Path) -> None:
    builder = Builder.from_system("mini").llm(save_tiny_llm(tmp_path / "llm"))
    builder = builder.set(modalities={}, weights={}, training={}, suites={})
    with builder.channel("image", decoder="mini-picture").build(untrained=True) as pipeline:
        pipeline.save(tmp_path / "saved")
    moved, elsewhere = tmp_path / "moved" / "system", tmp_path / "elsewhere"
    moved.parent.mkdir()
    elsewhere.mkdir()
    (tmp_path / "saved").rename(moved)

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", RUN, str(moved)],
        cwd=elsewhere,
        capture_output=True,
        text=True,
        check=False,
    )

    assert str(HERE) not in (moved / "nextgpt.yaml").read_text()
    assert done.stdout.strip() == str(128 * 128 * 3), done.stderr
