"""The plugin imagebind passes the conformance kit."""

from nextgpt_core.testing import SystemTests
from nextgpt_registry.testing import EncoderTests, ModalityTests, PluginTests


class TestPlugin(PluginTests):
    plugin = "imagebind"


class TestModality(ModalityTests):
    plugin = "imagebind"


class TestEncoder(EncoderTests):
    plugin = "imagebind"


class TestSystem(SystemTests):
    plugin = "imagebind"
