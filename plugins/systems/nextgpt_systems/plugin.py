"""What the plugin ships: systems, and nothing that runs."""

from __future__ import annotations

from nextgpt_registry.hookspecs import hookimpl
from nextgpt_registry.specs import Manifest, System


@hookimpl
def nextgpt_manifest() -> Manifest:
    """Three full-size systems."""
    return Manifest(
        api="1.0",
        summary="NExT-GPT at full size: as published in 2023, its successor, and a current one",
        license="Apache-2.0",
        systems=(
            System(
                name="nextgpt-7b-v0",
                summary="2023: Vicuna-7B v0, ImageBind, Stable Diffusion 1.5, ZeroScope, AudioLDM",
                config="nextgpt_systems:systems/nextgpt-7b-v0.yaml",
            ),
            System(
                name="nextgpt-7b-v1.5",
                summary="2024: Vicuna-7B v1.5, grouping projection, Stable Diffusion 2",
                config="nextgpt_systems:systems/nextgpt-7b-v1.5.yaml",
            ),
            System(
                name="nextgpt-modern",
                summary="Qwen3-1.7B, FLUX.2 klein, Wan 2.1, ACE-Step: permissive licences, 24 GB",
                config="nextgpt_systems:systems/nextgpt-modern.yaml",
            ),
        ),
    )
