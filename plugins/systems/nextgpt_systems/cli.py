"""`nextgpt convert` and `nextgpt twin`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nextgpt_registry.fetch.progress import busy

_PICKLE = "pickle"

Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Changes to the system's config.")
]


def convert(
    layout: Annotated[
        str, typer.Argument(help="nextgpt-7b-tiva-v0, nextgpt-7b-v1.5, or pickle for any one file.")
    ],
    source: Annotated[Path, typer.Argument(help="The checkpoint's folder; of a pickle, its file.")],
    overrides: Overrides = None,
    out: Annotated[
        Path | None, typer.Option(help="Default: where the shipped system looks for it.")
    ] = None,
    llm: Annotated[
        Path | None, typer.Option(help="The language model's folder, to be held against it.")
    ] = None,
    system: Annotated[str, typer.Option(help="Default: the shipped one of this layout.")] = "",
) -> None:
    """Convert a published checkpoint to the parts of a system, a tensor at a time."""
    from nextgpt_registry.outputs import check_file, check_folder

    if out is not None:
        (check_file if layout == _PICKLE else check_folder)(out)
    if layout == _PICKLE:
        typer.echo(_pickle(source, out or source.with_suffix(".safetensors")))
        return
    for path in _checkpoint(layout, source, overrides or [], out, llm, system):
        typer.echo(path)


def twin(
    system: Annotated[str, typer.Argument(help="A shipped system's name, or a YAML file.")],
    overrides: Overrides = None,
    out: Annotated[Path, typer.Option(help="A new folder.")] = Path("twin"),
) -> None:
    """Write the narrow twin of a system: same classes, widths of 8 to 64, random weights."""
    from nextgpt_registry.outputs import check_folder

    check_folder(out)
    from nextgpt_systems.twin import write_twin  # torch

    with busy(f"writing {out}"):
        path = write_twin(system, out, overrides or [])
    typer.echo(path)


def _checkpoint(
    layout: str, source: Path, overrides: list[str], out: Path | None, llm: Path | None, system: str
) -> list[Path]:
    from nextgpt_registry.alternatives import did_you_mean
    from nextgpt_registry.errors import ConfigError
    from nextgpt_registry.fetch.sources import models_dir
    from nextgpt_registry.plan import make_plan
    from nextgpt_systems.checkpoints import LAYOUTS
    from nextgpt_systems.checkpoints import convert as written  # torch

    if layout not in LAYOUTS:
        fix = did_you_mean(layout, [*LAYOUTS, _PICKLE])
        raise ConfigError(repr(layout), "is no layout of a checkpoint", fix)
    plan = make_plan(system or LAYOUTS[layout].system, overrides)
    with busy(f"converting {source}"):
        return list(written(layout, source, out or models_dir() / layout, plan, llm=llm).values())


def _pickle(source: Path, out: Path) -> Path:
    from nextgpt_systems.checkpoints.pickles import read_tensors, write_tensors  # torch

    with busy(f"converting {source}"):
        write_tensors(read_tensors(source), out)
    return out
