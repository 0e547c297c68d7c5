"""`nextgpt pull`: fetch all that a system needs, so that it later works without a network."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from nextgpt_registry.catalog import Catalog
from nextgpt_registry.cli.arguments import System
from nextgpt_registry.config import ComponentSettings, Config, Weight
from nextgpt_registry.configfile import load_config
from nextgpt_registry.fetch.revisions import updated
from nextgpt_registry.plan.components import with_sources


def command(
    system: System,
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Changes to the config.")
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Look up again what tags and branches stand for.")
    ] = False,
) -> None:
    """Fetch and verify every file that a system needs."""
    loaded = load_config(system, overrides or [])
    needed = all_weights(loaded.config, Catalog.discover(loaded.config.plugins))
    if update:
        for source in _sources(loaded.config, needed):
            updated(source)

    from nextgpt_core.assembly import weights  # lazy: torch

    absent = weights.missing(needed, loaded.config.llm, base=loaded.base)
    sys.stderr.write(f"{len(absent)} of {len(needed) + 1} to fetch\n")
    path = weights.resolve_llm(loaded.config.llm, base=loaded.base)
    sys.stdout.write(f"llm\t{path}\n")
    for name, weight in needed.items():
        found = weights.resolve({name: weight}, base=loaded.base)
        sys.stdout.write(f"{name}\t{found[name]}\n")


def all_weights(config: Config, catalog: Catalog) -> dict[str, Weight]:
    """Every file beside the language model, by its path in the config, though it is declared."""
    needed = {f"weights.{name}": weight for name, weight in config.weights.items()}
    for name, channel in config.modalities.items():
        modality = channel.modality or name
        settings: ComponentSettings | None
        for kind, settings, known in (
            ("encoder", channel.encoder, catalog.encoder),
            ("decoder", channel.decoder, catalog.decoder),
        ):
            filled = settings and with_sources(known(modality, settings.name), settings)
            for file, weight in (filled.weights if filled else {}).items():
                needed[f"modalities.{name}.{kind}.weights.{file}"] = weight
    return needed


def _sources(config: Config, needed: dict[str, Weight]) -> Iterator[str]:
    for told in (config.llm.path, config.llm.template, *(w.source for w in needed.values())):
        yield from [told] if isinstance(told, str) else told or ()
