"""The audio plugin passes the conformance kit."""

from nextgpt_core.testing import SystemTests
from nextgpt_registry.testing import EncoderTests, ModalityTests, PluginTests


class TestPlugin(PluginTests):
    plugin = "audio"


class TestModality(ModalityTests):
    plugin = "audio"


class TestEncoder(EncoderTests):
    plugin = "audio"


class TestSystem(SystemTests):
    plugin = "audio"
