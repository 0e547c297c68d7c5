"""The plugin systems passes the conformance kit: each shipped system plans, answers, is saved."""

import pytest

from nextgpt_core.testing import SystemTests
from nextgpt_registry.configfile import load_config
from nextgpt_registry.testing import PluginTests
from nextgpt_systems.plugin import nextgpt_manifest


@pytest.mark.parametrize("system", nextgpt_manifest().systems, ids=lambda system: system.name)
def test_a_summary_names_the_language_model_of_its_config(system) -> None:
    path = load_config(system.name).config.llm.path

    assert path.removeprefix("models:").lower() in system.summary.lower().replace(" ", "-")


class TestPlugin(PluginTests):
    plugin = "systems"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of diffusers
class TestSystem(SystemTests):
    plugin = "systems"
