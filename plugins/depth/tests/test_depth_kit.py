"""The plugin depth passes the conformance kit."""

from nextgpt_core.testing import AdditionTests, SystemTests
from nextgpt_registry.testing import DecoderTests, EncoderTests, ModalityTests, PluginTests


class TestPlugin(PluginTests):
    plugin = "depth"


class TestModality(ModalityTests):
    plugin = "depth"


class TestEncoder(EncoderTests):
    plugin = "depth"


class TestDecoder(DecoderTests):
    plugin = "depth"


class TestSystem(SystemTests):
    plugin = "depth"


class TestAddition(AdditionTests):
    plugin = "depth"
