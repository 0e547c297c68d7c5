"""`nextgpt plugins`: what is installed, what is wrong with it, and how to begin another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from nextgpt_registry.catalog import Catalog
from nextgpt_registry.cli.arguments import Plugin
from nextgpt_registry.cli.options import held, options_json, print_options
from nextgpt_registry.cli.tables import json_alone, print_json, print_lines, print_table
from nextgpt_registry.loading import Plugin as Loaded

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="List, show, examine and test plugins, or begin one.",
)

_KINDS = ("modalities", "encoders", "decoders", "projections", "systems", "additions")
_Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


@app.command("list")
def list_plugins(as_json: _Json = False) -> None:
    """List the installed plugins and what each declares; the broken ones with their reason."""
    with json_alone(as_json):
        catalog = Catalog.discover()
    if as_json:
        print_json(
            {
                "plugins": [_told(plugin) for plugin in catalog.plugins],
                "failures": {name: str(error) for name, error in catalog.failures.items()},
            }
        )
        return
    for plugin in catalog.plugins:
        print_lines(f"{plugin.name} {plugin.version}: {plugin.manifest.summary}", *_names(plugin))
    print_lines(*(f"broken: {error}" for error in catalog.failures.values()))


@app.command("show")
def show_plugin(name: Plugin, as_json: _Json = False) -> None:
    """Show all that one plugin declares, with options, weights and what is missing for them."""
    with json_alone(as_json):
        plugin = Catalog.discover().plugin(name)
    manifest = plugin.manifest
    if as_json:
        told = {**_told(plugin), "manifest": manifest.model_dump(mode="json")}
        with json_alone(True):
            told["options"] = options_json(manifest)
            told["configs"] = {
                **{system.name: held(system) for system in manifest.systems},
                **{addition.name: held(addition) for addition in manifest.additions},
            }
        print_json(told)
        return
    print_lines(
        f"{plugin.name} {plugin.version}: {manifest.summary}",
        f"from {plugin.dist} ({plugin.target}), licence {manifest.license}, API {manifest.api}",
        f"hooks: {', '.join(plugin.hooks)}",
    )
    if manifest.modalities:
        print_table(
            "modalities",
            ("name", "suffixes", "MIME types", "limits"),
            [
                (
                    m.name,
                    " ".join(m.suffixes),
                    " ".join(m.mime),
                    ", ".join(f"{limit.at_most:,.0f} {limit.of}" for limit in m.limits),
                )
                for m in manifest.modalities
            ],
        )
    if manifest.encoders:
        print_table(
            "encoders",
            ("modality", "name", "tokens", "width", "parameters", "licence", "summary"),
            [
                (
                    e.modality,
                    e.name,
                    f"{'up to ' if e.varying else ''}{e.tokens}",
                    str(e.width),
                    f"{e.parameters:,}",
                    e.licence,
                    e.summary,
                )
                for e in manifest.encoders
            ],
            right=("tokens", "width", "parameters"),
        )
    if manifest.decoders:
        print_table(
            "decoders",
            ("modality", "name", "signals", "conditions", "parameters", "licence", "summary"),
            [
                (
                    d.modality,
                    d.name,
                    str(d.signals),
                    ", ".join(f"{c.name} {c.tokens}x{c.width}" for c in d.conditions),
                    f"{d.parameters:,}",
                    d.licence,
                    d.summary,
                )
                for d in manifest.decoders
            ],
            right=("signals", "parameters"),
        )
    if manifest.projections:
        print_table(
            "projections",
            ("side", "name", "summary"),
            [(p.side, p.name, p.summary) for p in manifest.projections],
        )
    for kind, rows in (("systems", manifest.systems), ("additions", manifest.additions)):
        if rows:
            print_table(kind, ("name", "summary"), [(row.name, row.summary) for row in rows])
            for row in rows:
                told = {what: ", ".join(names) for what, names in held(row).items() if names}
                print_lines("", row.name, *(f"  {what}: {names}" for what, names in told.items()))
    print_options(manifest)


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Of the modality: letters, digits, '-'.")],
    encoder: Annotated[bool, typer.Option("--encoder", help="Media can be given.")] = False,
    decoder: Annotated[bool, typer.Option("--decoder", help="Media can be made.")] = False,
    trainable: Annotated[
        bool,
        typer.Option(
            "--trainable",
            help="With data, training of the models, and what `nextgpt train --add` wants.",
        ),
    ] = False,
    licence: Annotated[str, typer.Option("--license", help="Of your code (SPDX).")] = "MIT",
) -> None:
    """Write a working plugin to nextgpt-NAME: both an encoder and a decoder, unless one is said."""
    from nextgpt_registry.cli.new import KINDS, new_plugin

    kinds = [kind for kind, wanted in zip(KINDS, (encoder, decoder), strict=True) if wanted]
    home = new_plugin(name, Path.cwd(), kinds=kinds or KINDS, licence=licence, trainable=trainable)
    print_lines(
        f"written: {home}",
        f"  pip install -e '{home.name}[test]'",
        *([f"  python -m {home.name.replace('-', '_')}.train"] if trainable else ()),
        f"  nextgpt plugins check {name}",
        f"then see {home.name}/README.md",
    )


@app.command("check")
def check_plugin(name: Plugin, as_json: _Json = False) -> None:
    """Run the conformance kit on an installed plugin."""
    from nextgpt_registry.cli.check import check, show

    with json_alone(as_json):
        report = check(name)
    if as_json:
        print_json(report.to_json())
    else:
        show(report)
    if report.count("failed"):
        raise typer.Exit(1)


@app.command("doctor")
def doctor(as_json: _Json = False) -> None:
    """Examine this installation: versions, broken plugins, slow imports, missing modules."""
    from nextgpt_registry.cli.doctor import examine, show

    with json_alone(as_json):
        report = examine()
    if as_json:
        print_json(report)
    else:
        show(report)
    if report["problems"]:
        raise typer.Exit(1)


def _names(plugin: Loaded) -> Iterator[str]:
    """What it declares, a line for each kind that it has any of."""
    for kind in _KINDS:
        names = dict.fromkeys(declared.name for declared in getattr(plugin.manifest, kind))
        if names:
            yield f"  {kind:<11} {', '.join(names)}"


def _told(plugin: Loaded) -> dict[str, Any]:
    manifest = plugin.manifest
    return {
        "name": plugin.name,
        "version": plugin.version,
        "dist": plugin.dist,
        "target": plugin.target,
        "import_s": round(plugin.import_s, 4),
        "hooks": list(plugin.hooks),
        "summary": manifest.summary,
        **{kind: [declared.name for declared in getattr(manifest, kind)] for kind in _KINDS},
    }
