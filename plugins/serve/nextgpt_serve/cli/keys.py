"""`nextgpt keys`: whom a server lets in."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Make, list and revoke the keys of a server.", no_args_is_help=True)
File = Annotated[Path, typer.Option("--file", help="Where the keys are kept, hashed.")]
Name = Annotated[str, typer.Argument(help="Whose key it is.")]


@app.command()
def add(
    name: Name,
    file: File,
    requests: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="A minute at most.")
    ] = None,
    megabytes: Annotated[
        int | None, typer.Option(min=1, metavar="MB", help="Sent in requests, a minute at most.")
    ] = None,
) -> None:
    """Make a key and print it: it is shown this once."""
    from nextgpt_serve.keys import add_key

    typer.echo(add_key(file, name, requests=requests, megabytes=megabytes))


@app.command("list")
def list_keys(file: File) -> None:
    """The names of all keys, since when there are, and their quotas."""
    from nextgpt_serve.keys import read_keys

    for key in read_keys(file):
        day = time.strftime("%Y-%m-%d", time.gmtime(key.created))
        quotas = [f"{key.requests} requests a minute"] if key.requests else []
        quotas += [f"{key.megabytes} MB a minute"] if key.megabytes else []
        typer.echo("  ".join([key.name, day, *quotas]))


@app.command()
def revoke(name: Name, file: File) -> None:
    """Let nobody in by this key any more, at once."""
    from nextgpt_serve.keys import revoke_key

    revoke_key(file, name)
