"""`nextgpt demo`: plays a scripted conversation and writes it to one HTML page."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nextgpt_core.cli.options import UNTRAINED
from nextgpt_registry.anchors import beside
from nextgpt_registry.cli.arguments import System
from nextgpt_registry.cli.tables import json_alone, print_json, print_lines, print_table
from nextgpt_registry.errors import ConfigError

if TYPE_CHECKING:
    from nextgpt_core.demo.play import Exchange, Played
    from nextgpt_core.demo.script import Line, Talk
    from nextgpt_registry.catalog import Catalog
    from nextgpt_registry.configfile import Loaded
    from nextgpt_registry.plan import Plan, Planned

PAGE = "index.html"


def command(
    system: System,
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Changes to the config.")
    ] = None,
    script: Annotated[
        Path | None, typer.Option(help="A script of your own; default: the system's.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The page's folder.")] = Path("out"),
    seed: Annotated[
        int | None, typer.Option(help="Of the first turn; later ones count up.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
    untrained: Annotated[bool, typer.Option("--untrained", help=UNTRAINED)] = False,
) -> None:
    """Play a scripted conversation, and write it to one HTML page."""
    from nextgpt_core.demo.page import page
    from nextgpt_registry.content import replace_file
    from nextgpt_registry.outputs import check_file

    check_file(out / PAGE)
    with json_alone(True):  # decoders may have something to say, and their bars are for stderr
        played, catalog = _played(system, overrides or [], script, seed, untrained=untrained)
        written = out.expanduser().absolute() / PAGE
        replace_file(written, page(played, catalog).encode())
    (_print_json if as_json else _print)(played, written)


def _played(
    system: str,
    overrides: Sequence[str],
    script: Path | None,
    seed: int | None,
    *,
    untrained: bool,
) -> tuple[Played, Catalog]:
    """The conversation, and the plugins that can show it; what is wrong is told before torch."""
    from nextgpt_core.assembly.readiness import Readiness
    from nextgpt_core.demo.script import read_script, talks
    from nextgpt_core.intake.reading import Reader
    from nextgpt_registry.plan import plan_system

    planned = plan_system(system, overrides)
    plan, catalog = planned.plan, planned.catalog
    path = _script(planned.loaded, script)
    told = read_script(path)
    made = [name for name, channel in plan.channels.items() if channel.decoder]
    acts = talks(told, path.parent, Reader.of_plan(plan, catalog), made, who=str(path))
    lines = [line for act in acts for line in act.lines]
    Readiness.of_plan(plan, ignored=untrained).check(
        given=[part.channel for line in lines for part in line.parts if not isinstance(part, str)],
        required=[name for line in lines for name in line.want],
    )

    load_s, exchanges = _play(planned, acts, seed, untrained=untrained)

    from nextgpt_core.demo.play import Played

    titles = tuple(act.title for act in acts)
    played = Played(plan.system, told.title, told.notes, titles, exchanges, load_s, _facts(plan))
    return played, catalog


def _script(loaded: Loaded, script: Path | None) -> Path:
    if script is not None:
        return script.expanduser()
    if loaded.config.demo is None:
        raise ConfigError(loaded.origin, "has no demo", "name a script with --script FILE")
    return beside(loaded.base, loaded.config.demo)


def _play(
    planned: Planned, talks: Sequence[Talk], seed: int | None, *, untrained: bool
) -> tuple[float, tuple[Exchange, ...]]:
    """How long loading took, and every exchange."""
    from nextgpt_core.cli.bar import StepBar

    def starting(line: Line) -> None:
        bar.begin(line.direction)

    start = time.monotonic()
    with StepBar(sum(len(talk.lines) for talk in talks)) as bar:
        bar.say(f"loading {planned.plan.system}")

        from nextgpt_core.cli.live import live  # lazy: torch
        from nextgpt_core.demo.play import play

        with live(planned, untrained=untrained) as pipeline:
            load_s = time.monotonic() - start
            return load_s, tuple(play(pipeline, talks, seed=seed, starting=starting))


def _facts(plan: Plan) -> dict[str, str]:
    """What the page's footer says of the run."""
    import torch
    import transformers

    from nextgpt_core.assembly.assemble import place

    device = place("auto")
    if device == "cpu":
        device += f" ({torch.get_num_threads()} threads)"
    return {
        "nextgpt-core": version("nextgpt-core"),
        "nextgpt-registry": version("nextgpt-registry"),
        **plan.plugins,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "Python": platform.python_version(),
        "on": device,
        "made on": date.today().isoformat(),
    }


def _print(played: Played, path: Path) -> None:
    from nextgpt_core.demo.page import counted

    rows = [
        (
            str(exchange.number),
            exchange.line.direction,
            counted(exchange.line.want),
            counted(exchange.got),
            f"missing: {counted(exchange.missing)}" if exchange.missing else "",
            f"{exchange.answer.timings.total_s:.1f}",
        )
        for exchange in played.exchanges
    ]
    columns = ("turn", "direction", "asked", "got", "", "seconds")
    print_table("", columns, rows, right=("turn", "seconds"))
    whole, missed = len(played.exchanges), len(played.missed)
    print_lines(
        "",
        f"{whole - missed} of {whole} answers hold what was asked for"
        + (f"; {missed} do not, and the page says which" if missed else ""),
        f"answered in {played.answering_s:.1f} s, after {played.load_s:.1f} s of loading",
        f"page: {path}",
    )


def _print_json(played: Played, path: Path) -> None:
    from nextgpt_core.demo.play import exchange_json

    told: dict[str, Any] = {
        "system": played.system,
        "page": str(path),
        "turns": [exchange_json(exchange) for exchange in played.exchanges],
        "missed": [exchange.number for exchange in played.missed],
        "timings": {"load_s": played.load_s, "answering_s": played.answering_s},
        "facts": dict(played.facts),
    }
    print_json(told)
