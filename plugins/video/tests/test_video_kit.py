"""The video plugin passes the conformance kit."""

from nextgpt_core.testing import SystemTests
from nextgpt_registry.testing import EncoderTests, ModalityTests, PluginTests


class TestPlugin(PluginTests):
    plugin = "video"


class TestModality(ModalityTests):
    plugin = "video"


class TestEncoder(EncoderTests):
    plugin = "video"


class TestSystem(SystemTests):
    plugin = "video"
