"""`nextgpt serve`: an OpenAI-compatible server of a system."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    system: Annotated[str, typer.Argument(help="A system's name, a YAML file or a saved folder.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Changes to the config.")
    ] = None,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="PORT", help="0: any that is free.")
    ] = 8000,
    keys: Annotated[
        Path | None, typer.Option(help="The file of keys; `nextgpt keys add` makes one.")
    ] = None,
    no_keys: Annotated[
        bool, typer.Option("--no-keys", help="Let everybody in, from elsewhere too.")
    ] = False,
    name: Annotated[list[str] | None, typer.Option(help="A host name that it answers to.")] = None,
    public_url: Annotated[
        str, typer.Option(help="What addresses begin with, behind a proxy.")
    ] = "",
    fetch: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="A host whose media it may fetch."),
    ] = None,
    at_once: Annotated[
        int, typer.Option(min=1, metavar="N", help="Answers under way at most.")
    ] = 32,
    waiting: Annotated[int, typer.Option(min=0, metavar="N", help="Requests that may wait.")] = 64,
    deadline: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="For a request.")
    ] = 300.0,
    max_body: Annotated[int, typer.Option(min=1, metavar="MB", help="Of a request at most.")] = 64,
    max_memory: Annotated[
        int | None,
        typer.Option(min=1, metavar="MB", help="Of the process; above it, requests are refused."),
    ] = None,
    drain: Annotated[
        float,
        typer.Option(min=0, metavar="SECONDS", help="For requests to end, once it is stopped."),
    ] = 60.0,
    studio: Annotated[
        bool, typer.Option("--studio", help="With a page for browsers, at /.")
    ] = False,
    untrained: Annotated[
        bool,
        typer.Option(
            "--untrained", help="Run channels whose trained parts are not there: noise, to try out."
        ),
    ] = False,
) -> None:
    """Serve a system: an OpenAI-compatible API on this machine."""
    from nextgpt_serve.settings import Settings

    settings = Settings(
        host=host,
        port=port,
        studio=studio,
        keys=keys,
        names=tuple(name or ()),
        public_url=public_url,
        fetch=tuple(fetch or ()),
        at_once=at_once,
        waiting=waiting,
        deadline_s=deadline,
        body_bytes=max_body << 20,
        memory_bytes=None if max_memory is None else max_memory << 20,
        drain_s=drain,
    )
    settings.check(open_to_all=no_keys)

    from nextgpt_serve.running import run  # lazy: torch

    run(system, overrides or [], settings, untrained=untrained)
