"""`nextgpt ablate`: variants of a system, trained and measured alike; one table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from nextgpt_registry.cli.arguments import System


def command(
    system: System,
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Changes for all variants.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Runs, evaluations and the table.")] = Path("ablations"),
    axes: Annotated[
        Path | None, typer.Option(help="What is compared; default: what the config names.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="This axis alone; repeats.")] = None,
    steps: Annotated[int | None, typer.Option(help="Of each stage of a variant.")] = None,
    limit: Annotated[int | None, typer.Option(help="Prompts that each variant is asked.")] = None,
    start: Annotated[
        Path | None, typer.Option("--from", help="A run that all start from; default: untrained.")
    ] = None,
) -> None:
    """Train variants of a system for a small budget, measure them, and write one table."""
    from nextgpt_core.ablate.axes import narrowed, read_axes
    from nextgpt_core.cli.quiet import quiet, yield_cores
    from nextgpt_registry.anchors import beside
    from nextgpt_registry.configfile import load_config
    from nextgpt_registry.errors import ConfigError, RequestError
    from nextgpt_registry.outputs import check_folder
    from nextgpt_registry.plan import plugins_of

    if min(steps or 1, limit or 1) < 1:
        raise RequestError("ablate", "--steps and --limit count from 1", "give a number above 0")
    check_folder(out)
    loaded = load_config(system)
    if axes is None:
        if loaded.config.ablations is None:
            raise ConfigError(loaded.origin, "names no ablations", "name a file with --axes FILE")
        axes = beside(loaded.base, loaded.config.ablations)
    compared = narrowed(read_axes(axes), only or ())
    update = {
        "steps": steps or compared.steps,
        "limit": limit or compared.limit,
        "set": (*compared.set, *(overrides or ())),
    }
    catalog = plugins_of(loaded.config)

    yield_cores()
    quiet()
    from rich.console import Console
    from rich.table import Table

    from nextgpt_core.ablate.run import ablate
    from nextgpt_core.ablate.table import cells, write

    rows = ablate(
        loaded,
        catalog,
        compared.model_copy(update=update),
        out,
        start=start,
        say=_say,
    )
    paths = write(rows, out, title=f"Ablations of {loaded.config.name}")
    head, *body = cells(rows, brief=True)
    table = Table(*head)
    for row in body:
        table.add_row(*row)
    Console(markup=False, highlight=False).print(table)
    sys.stdout.write("".join(f"{path}\n" for path in paths))


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
