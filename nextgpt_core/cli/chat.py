"""`nextgpt chat`: a conversation in the terminal, or line by line when stdin is no terminal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from nextgpt_core.cli.options import UNTRAINED
from nextgpt_registry.cli.arguments import System


def command(
    system: System,
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Changes to the config.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where media are written.")] = Path("out"),
    load: Annotated[
        Path | None, typer.Option(help="Go on with a conversation that `/save` wrote.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Default: that of the config.")] = None,
    untrained: Annotated[bool, typer.Option("--untrained", help=UNTRAINED)] = False,
) -> None:
    """Talk with a system in text and media."""
    from rich.console import Console

    from nextgpt_registry.outputs import check_folder
    from nextgpt_registry.plan import plan_system

    check_folder(out)
    planned = plan_system(system, overrides or [])
    console = Console(highlight=False, markup=False, soft_wrap=True)

    from nextgpt_core.cli.live import live  # lazy: torch
    from nextgpt_core.cli.session import Session
    from nextgpt_core.cli.talkfile import load_talk

    messages = load_talk(load, planned.plan, planned.catalog) if load is not None else ()
    with live(planned, untrained=untrained) as pipeline:
        if told := pipeline.engine.readiness.summary():
            console.print(told)
        session = Session(pipeline, console, out, seed=seed)
        if load is not None:
            session.go_on(messages, load)
        session.talk(interactive=sys.stdin.isatty())
