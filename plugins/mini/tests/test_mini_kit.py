"""The plugin mini passes the conformance kit."""

from nextgpt_core.testing import SystemTests
from nextgpt_registry.testing import DecoderTests, EncoderTests, PluginTests


class TestPlugin(PluginTests):
    plugin = "mini"


class TestEncoder(EncoderTests):
    plugin = "mini"


class TestDecoder(DecoderTests):
    plugin = "mini"


class TestSystem(SystemTests):
    plugin = "mini"
