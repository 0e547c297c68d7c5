"""How the published systems draw their tokens, as the original did."""

from __future__ import annotations

from nextgpt_registry.configfile import load_config


def test_what_the_original_drew_from() -> None:
    first, second = (
        load_config(name).config.generation for name in ("nextgpt-7b-v0", "nextgpt-7b-v1.5")
    )

    assert (first.top_k, first.temperature) == (50, 0.4)
    assert second.temperature == 0  # its script's top_k is 1: the likeliest token
