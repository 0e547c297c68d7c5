"""`nextgpt bench`: how fast a system is. Figures on stdout, the rest on stderr."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nextgpt_core.cli.options import UNTRAINED
from nextgpt_registry.cli.arguments import System
from nextgpt_registry.cli.tables import json_alone, print_json, print_lines, print_table


def command(
    system: System,
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Changes to the config.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="This figure, group or pattern (`text.*`) alone; repeats."),
    ] = None,
    minutes: Annotated[float, typer.Option(help="How long all of it may take, about.")] = 12.0,
    quick: Annotated[bool, typer.Option("--quick", help="Each side once, on little.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="A folder for benchmark.json, .md and .svg.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
    untrained: Annotated[bool, typer.Option("--untrained", help=UNTRAINED)] = False,
) -> None:
    """Measure how fast a system is, each figure against another way to the same."""
    from nextgpt_registry.errors import RequestError
    from nextgpt_registry.outputs import check_folder
    from nextgpt_registry.plan import plan_system

    if not minutes > 0:
        raise RequestError("bench", f"--minutes is {minutes:g}", "give a number above 0")
    folder = None if out is None else check_folder(out)
    command = (system, *(overrides or ()))
    with json_alone(as_json):
        planned = plan_system(system, overrides or [])

        from nextgpt_core.benchmark.run import bench  # lazy: torch
        from nextgpt_core.cli.live import live

        with live(planned, untrained=untrained) as pipeline:
            found = bench(
                pipeline,
                command=(*command, *(["--untrained"] if untrained else ())),
                only=only or (),
                minutes=minutes,
                quick=quick,
                out=folder,
            )
    if as_json:
        print_json(found.to_json())
        return

    from nextgpt_core.benchmark.show import BUSY, HEAD, cells, words

    print_lines(found.system, *words(found.machine), "")
    print_table("", HEAD, cells(found.rows), right=("ours", "other", "goal"))
    if found.machine["others"] > BUSY:
        print_lines("what else was running has slowed both sides, and not alike: run it alone")
    print_lines(*(f"left out: {name} ({why})" for name, why in found.left_out.items()))
    if folder is not None:
        print_lines(*(str(folder / f"benchmark.{suffix}") for suffix in ("json", "md", "svg")))
