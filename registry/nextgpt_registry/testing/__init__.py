"""The conformance kit: subclass what you declare, name your plugin, inherit the tests.

    class TestEncoder(EncoderTests):
        plugin = "depth"

Needs pytest; torch and numpy are imported where a test runs. `nextgpt plugins check NAME` runs the
same on an installed plugin. Loaded as a pytest plugin (`-p nextgpt_registry.testing`), it looks for
replaced tests once more, after all else was collected.
"""

from nextgpt_registry.testing.decoders import DecoderTests
from nextgpt_registry.testing.encoders import EncoderTests
from nextgpt_registry.testing.hooks import (  # what pytest calls
    pytest_collection_modifyitems as pytest_collection_modifyitems,
)
from nextgpt_registry.testing.hooks import pytest_report_header as pytest_report_header
from nextgpt_registry.testing.modalities import ModalityTests
from nextgpt_registry.testing.plugins import PluginTests
from nextgpt_registry.testing.projections import ProjectionTests

__all__ = ["DecoderTests", "EncoderTests", "ModalityTests", "PluginTests", "ProjectionTests"]
