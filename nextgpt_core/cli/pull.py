"""`nextgpt pull`: fetch all that a system needs, so that it later works without a network."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from nextgpt_registry.cli.arguments import System
from nextgpt_registry.config import Config, Weight
from nextgpt_registry.configfile import load_config


def command(
    system: System,
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Changes to the config.")
    ] = None,
) -> None:
    """Fetch and verify every file that a system needs."""
    loaded = load_config(system, overrides or [])

    from nextgpt_core.assembly import weights  # lazy: torch

    needed = all_weights(loaded.config)
    absent = weights.missing(needed, loaded.config.llm, base=loaded.base)
    sys.stderr.write(f"{len(absent)} of {len(needed) + 1} to fetch\n")
    path = weights.resolve_llm(loaded.config.llm, base=loaded.base)
    sys.stdout.write(f"llm\t{path}\n")
    for name, weight in needed.items():
        found = weights.resolve({name: weight}, base=loaded.base)
        sys.stdout.write(f"{name}\t{found[name]}\n")


def all_weights(config: Config) -> dict[str, Weight]:
    """Every file that a config names beside its language model, by its path in the config."""
    needed = {f"weights.{name}": weight for name, weight in config.weights.items()}
    for name, channel in config.modalities.items():
        for kind, settings in (("encoder", channel.encoder), ("decoder", channel.decoder)):
            for file, weight in (settings.weights if settings else {}).items():
                needed[f"modalities.{name}.{kind}.weights.{file}"] = weight
    return needed
