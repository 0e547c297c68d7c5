"""The plugin retrieval passes the conformance kit."""

from nextgpt_core.testing import AdditionTests, SystemTests
from nextgpt_registry.testing import DecoderTests, PluginTests


class TestPlugin(PluginTests):
    plugin = "retrieval"


class TestDecoder(DecoderTests):
    plugin = "retrieval"


class TestSystem(SystemTests):
    plugin = "retrieval"


class TestAddition(AdditionTests):
    plugin = "retrieval"
