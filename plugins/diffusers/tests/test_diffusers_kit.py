"""The diffusers plugin passes the conformance kit."""

import pytest

from nextgpt_core.testing import SystemTests
from nextgpt_registry.testing import DecoderTests, PluginTests

# diffusers' samplers make arrays the way numpy 2 frowns upon, and round the ends of times
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Should have t:UserWarning"),
]


class TestPlugin(PluginTests):
    plugin = "diffusers"


class TestDecoder(DecoderTests):
    plugin = "diffusers"


class TestSystem(SystemTests):
    plugin = "diffusers"
