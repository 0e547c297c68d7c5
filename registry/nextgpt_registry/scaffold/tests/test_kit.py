"""The conformance kit: what is declared is so. Add tests of what your model knows."""

# +trainable
from nextgpt_core.testing import AdditionTests, SystemTests
# -trainable
from nextgpt_registry.testing import (
    # +decoder
    DecoderTests,
    # -decoder
    # +encoder
    EncoderTests,
    # -encoder
    ModalityTests,
    PluginTests,
)


class TestPlugin(PluginTests):
    plugin = "example"


class TestModality(ModalityTests):
    plugin = "example"
# +encoder


class TestEncoder(EncoderTests):
    plugin = "example"
# -encoder
# +decoder


class TestDecoder(DecoderTests):
    plugin = "example"
# -decoder
# +trainable


class TestSystems(SystemTests):
    plugin = "example"


class TestAddition(AdditionTests):
    plugin = "example"
# -trainable
