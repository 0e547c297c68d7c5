"""The video plugin passes the conformance kit."""

import pytest

from nextgpt_core.testing import SystemTests
from nextgpt_registry.testing import DecoderTests, EncoderTests, ModalityTests, PluginTests


class TestPlugin(PluginTests):
    plugin = "video"


class TestModality(ModalityTests):
    plugin = "video"


class TestEncoder(EncoderTests):
    plugin = "video"


# diffusers' samplers make arrays of tensors the way numpy 2 frowns upon
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
class TestDecoder(DecoderTests):
    plugin = "video"


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
class TestSystem(SystemTests):
    plugin = "video"
