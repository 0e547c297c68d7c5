"""The plugin systems passes the conformance kit: each shipped system plans, answers, is saved."""

import pytest

from nextgpt_core.testing import SystemTests
from nextgpt_registry.testing import PluginTests


class TestPlugin(PluginTests):
    plugin = "systems"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of diffusers
class TestSystem(SystemTests):
    plugin = "systems"
