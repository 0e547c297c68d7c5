"""The conformance kit: subclass what you declare, name your plugin, inherit the tests.

    class TestEncoder(EncoderTests):
        plugin = "depth"

Needs pytest; torch and numpy are imported where a test runs. `nextgpt plugins check NAME` runs the
same on an installed plugin.
"""

from nextgpt_registry.testing.decoders import DecoderTests
from nextgpt_registry.testing.encoders import EncoderTests
from nextgpt_registry.testing.modalities import ModalityTests
from nextgpt_registry.testing.plugins import PluginTests

__all__ = ["DecoderTests", "EncoderTests", "ModalityTests", "PluginTests"]
