"""The plugin systems passes the conformance kit: each shipped system plans, answers, is saved."""

import subprocess
import sys

import pytest

from nextgpt_core.testing import SystemTests
from nextgpt_registry.configfile import load_config
from nextgpt_registry.targets import missing
from nextgpt_registry.testing import PluginTests
from nextgpt_systems.plugin import nextgpt_manifest


@pytest.mark.parametrize("system", nextgpt_manifest().systems, ids=lambda system: system.name)
def test_a_summary_names_the_language_model_of_its_config(system) -> None:
    path = load_config(system.name).config.llm.path

    assert path.removeprefix("models:").lower() in system.summary.lower().replace(" ", "-")


@pytest.mark.skipif(
    bool(missing(["imagebind.models.imagebind_model"])),
    reason="the package imagebind is not installed",
)
def test_counting_the_real_classes_says_nothing_but_the_plan() -> None:
    code = "from nextgpt_registry.cli import main; main()"

    found = subprocess.run(
        [sys.executable, "-c", code, "plan", "nextgpt-7b-v0", "--meta"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    said = found.stderr.splitlines()
    assert [line for line in said if not line.startswith("counting the real classes: ")] == []
    assert " meta " in found.stdout


class TestPlugin(PluginTests):
    plugin = "systems"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of diffusers
class TestSystem(SystemTests):
    plugin = "systems"
