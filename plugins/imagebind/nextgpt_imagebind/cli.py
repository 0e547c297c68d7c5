"""`nextgpt imagebind …`: make the published weights ready."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nextgpt_imagebind.options import LICENCE
from nextgpt_registry.fetch.progress import busy

app = typer.Typer(
    help=f"ImageBind's weights, made ready. They are {LICENCE}: not for commercial use."
)


@app.callback()
def main() -> None:
    """Keep `convert` a command of its own, though it is the only one."""


@app.command()
def convert(
    pickle: Annotated[
        Path,
        typer.Argument(metavar="FILE.pth", exists=True, dir_okay=False, help="imagebind_huge.pth."),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The safetensors file to write.")],
    sha256: Annotated[
        str, typer.Option(help="Of FILE.pth, if it is not the one Meta published.")
    ] = "",
) -> None:
    """Turn the published pickle into safetensors, once; prints what to write into a config."""
    from nextgpt_registry.outputs import check_file

    check_file(out, option="OUT")
    from nextgpt_imagebind import convert as converting  # torch: only when run

    with busy(f"converting {pickle}"):
        digest = converting.convert(pickle, out, sha256=sha256 or converting.SHA256)
    typer.echo(f'weights: {{model: {{source: "file:{out.absolute()}", sha256: {digest}}}}}')
    typer.echo(f"accept_licences: [{LICENCE}]")
