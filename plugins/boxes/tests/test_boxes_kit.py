"""The boxes plugin passes the conformance kit."""

from nextgpt_core.testing import AdditionTests, SystemTests
from nextgpt_registry.testing import DecoderTests, ModalityTests, PluginTests


class TestPlugin(PluginTests):
    plugin = "boxes"


class TestModality(ModalityTests):
    plugin = "boxes"


class TestDecoder(DecoderTests):
    plugin = "boxes"


class TestSystem(SystemTests):
    plugin = "boxes"


class TestAddition(AdditionTests):
    plugin = "boxes"
