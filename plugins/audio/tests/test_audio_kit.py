"""The audio plugin passes the conformance kit."""

import pytest

from nextgpt_core.testing import SystemTests
from nextgpt_registry.testing import DecoderTests, EncoderTests, ModalityTests, PluginTests


class TestPlugin(PluginTests):
    plugin = "audio"


class TestModality(ModalityTests):
    plugin = "audio"


class TestEncoder(EncoderTests):
    plugin = "audio"


# diffusers' samplers make arrays of tensors the way numpy 2 frowns upon
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
class TestDecoder(DecoderTests):
    plugin = "audio"


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
class TestSystem(SystemTests):
    plugin = "audio"
