"""The image plugin passes the conformance kit."""

from nextgpt_core.testing import SystemTests
from nextgpt_registry.testing import EncoderTests, ModalityTests, PluginTests


class TestPlugin(PluginTests):
    plugin = "image"


class TestModality(ModalityTests):
    plugin = "image"


class TestEncoder(EncoderTests):
    plugin = "image"


class TestSystem(SystemTests):
    plugin = "image"
