"""The current system is what its page says: permissive, and small enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from nextgpt_registry.plan import Plan, make_plan

README = Path(__file__).parents[1] / "README.md"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan("nextgpt-modern")


def test_every_licence_is_permissive(plan: Plan) -> None:
    licences = {part.name: part.licence for part in plan.parts if part.licence}

    assert set(licences.values()) == {"Apache-2.0", "MIT"}
    assert {"llm", *(f"{channel}.decoder" for channel in plan.channels)} <= set(licences)
    assert not plan.unaccepted


def test_it_goes_both_ways_in_every_modality(plan: Plan) -> None:
    assert sorted(plan.channels) == ["audio", "image", "video"]
    assert all(channel.encoder and channel.decoder for channel in plan.channels.values())


def test_what_is_on_the_gpu_at_once_is_below_24_gb(plan: Plan) -> None:
    decoders = [part.bytes for part in plan.parts if part.name.endswith(".decoder")]
    channels = plan.config.modalities.values()
    offloaded = all(channel.decoder and channel.decoder.offload for channel in channels)

    assert offloaded
    assert plan.bytes_at_once < 24e9
    readme = README.read_text("utf-8")
    assert f"| together | {plan.bytes_at_once / 1e9:.1f} |" in readme
    assert f"{sum(decoders) / 1e9:.1f} GB of memory" in readme
