"""`nextgpt eval`: how well a system answers, by a suite. Figures on stdout, the rest on stderr."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from nextgpt_core.cli.again import said_how_to_go_on
from nextgpt_core.cli.options import UNTRAINED
from nextgpt_registry.cli.arguments import System
from nextgpt_registry.cli.tables import json_alone, print_json


def command(
    system: System,
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Changes to the config.")
    ] = None,
    suite: Annotated[
        str, typer.Option(help="One of those that the config names, or a suite.jsonl.")
    ] = "any2any",
    limit: Annotated[
        int | None, typer.Option(help="How many prompts in all, over directions and concepts.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Results and contact sheet; default: in the cache.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Prompts asked at once.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
    untrained: Annotated[bool, typer.Option("--untrained", help=UNTRAINED)] = False,
) -> None:
    """Measure how well a system answers, or go on with it."""
    from nextgpt_registry.errors import RequestError
    from nextgpt_registry.outputs import check_folder
    from nextgpt_registry.plan import plan_system

    if (limit is not None and limit < 1) or jobs < 1:
        raise RequestError("eval", "--limit and --jobs count from 1", "give a number above 0")
    if out is not None:
        check_folder(out)
    with json_alone(as_json):
        planned = plan_system(system, overrides or [])

        from nextgpt_core.cli.live import live  # lazy: torch
        from nextgpt_core.evaluation.run import load_suite
        from nextgpt_core.tasks import evaluate

        chosen = load_suite(planned.loaded.config, suite, planned.catalog)
        with live(planned, untrained=untrained) as pipeline, said_how_to_go_on():
            found = evaluate(pipeline, suite=chosen, limit=limit, out=out, jobs=jobs)
    if as_json:
        print_json(found.figures)
        return
    _print(found.figures)
    sys.stdout.write(f"contact sheet: {found.folder / 'index.html'}\n")


def _print(report: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    from nextgpt_core.evaluation.scores import JUDGED, METRICS
    from nextgpt_core.evaluation.shapes import COMPARED
    from nextgpt_core.evaluation.sheet import against, beside, percent

    console = Console(highlight=False, markup=False)
    table = Table(title=f"{report['system']}: {report['suite']}, {report['n']} prompts")
    table.add_column("direction", no_wrap=True)
    used = [m for m in METRICS if any(found[m] for found in report["directions"].values())]
    for column in ("n", *used):
        table.add_column(column.replace("_", " "), overflow="fold")
    for name, figures in report["directions"].items():
        cells = [percent(figures[metric]) for metric in used]
        for place, metric in enumerate(used):
            if metric in JUDGED:
                cells[place] += beside(figures["ceiling"][metric])
        table.add_row(name, str(figures["n"]), *cells)
    if report["directions"]:
        console.print(table)
    if "perplexity" in report:
        found = report["perplexity"]
        value, low, high = found["ratio"]
        console.print(
            f"perplexity {found['system']}, of the bare language model {found['base']}: "
            f"{value} times ({low}-{high}), {found['tokens']} tokens"
        )
    if "baseline" in report:
        found = report["baseline"]
        told = ", ".join(f"{name} {against(found[name])}" for name in COMPARED)
        console.print(f"beside the bare language model, on {found['n']} prompts: {told}")
    for kind, found in report["distances"].items():
        told = ", ".join(f"{name} {value}" for name, value in found.items())
        console.print(f"distance to real {kind}: {told}")
    for name, why in report["skipped"].items():
        console.print(f"not asked: {name} ({why})")
    missed = report["goals_missed"]
    console.print(f"goals missed: {', '.join(missed) or 'none'}, of {len(report['goals'])}")
