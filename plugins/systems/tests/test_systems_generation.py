"""How the published systems draw their tokens, as the original did."""

from __future__ import annotations

import pytest

from nextgpt_registry.configfile import load_config


@pytest.mark.parametrize(("system", "top_k"), [("nextgpt-7b-v0", 50), ("nextgpt-7b-v1.5", 1)])
def test_the_original_drew_from_so_many_tokens(system: str, top_k: int) -> None:
    assert load_config(system).config.generation.top_k == top_k
