"""The conformance kit: what is declared is so. Add tests of what your model knows."""

from nextgpt_registry.testing import (
    DecoderTests,
    EncoderTests,
    ModalityTests,
    PluginTests,
)


class TestPlugin(PluginTests):
    plugin = "frozen-1-0"


class TestModality(ModalityTests):
    plugin = "frozen-1-0"


class TestEncoder(EncoderTests):
    plugin = "frozen-1-0"


class TestDecoder(DecoderTests):
    plugin = "frozen-1-0"
