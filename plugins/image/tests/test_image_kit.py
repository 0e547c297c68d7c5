"""The image plugin passes the conformance kit."""

import pytest

from nextgpt_core.testing import SystemTests
from nextgpt_registry.testing import DecoderTests, EncoderTests, ModalityTests, PluginTests


class TestPlugin(PluginTests):
    plugin = "image"


class TestModality(ModalityTests):
    plugin = "image"


class TestEncoder(EncoderTests):
    plugin = "image"


# diffusers' samplers make arrays of tensors the way numpy 2 frowns upon
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
class TestDecoder(DecoderTests):
    plugin = "image"


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
class TestSystem(SystemTests):
    plugin = "image"
