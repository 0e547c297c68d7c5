"""The plugin mini passes the conformance kit."""

from typing import Any

import pytest

from nextgpt_core.testing import SystemTests
from nextgpt_registry.testing import DecoderTests, EncoderTests, PluginTests


class TestPlugin(PluginTests):
    plugin = "mini"


class TestEncoder(EncoderTests):
    plugin = "mini"


class TestDecoder(DecoderTests):
    plugin = "mini"

    @pytest.mark.xfail(
        reason="after some training in the same process torch.linspace ignores the meta device",
        strict=False,
    )
    def test_builds_without_memory(self, spec: Any) -> None:
        super().test_builds_without_memory(spec)


class TestSystem(SystemTests):
    plugin = "mini"
