"""`nextgpt train`: one stage of training, from its start or from where it was killed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer


def command(
    system: Annotated[str, typer.Argument(help="A system's name, a YAML file or a saved folder.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Hyperparameters, and changes to the config."),
    ] = None,
    stage: Annotated[str, typer.Option(help="encode, decode, instruct, or the config's own.")] = "",
    steps: Annotated[int | None, typer.Option(help="How long; the same as steps=N.")] = None,
    start: Annotated[
        Path | None, typer.Option("--from", help="A run's folder whose parts this one starts from.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The run's folder; default: in the cache, by system, stage.")
    ] = None,
    export: Annotated[
        Path | None, typer.Option(help="Also write the trained parts here, for `weights`.")
    ] = None,
    speed: Annotated[
        int, typer.Option(help="Train nothing: measure N steps without and with cached features.")
    ] = 0,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start untrained, not from the system's own parts.")
    ] = False,
    exact: Annotated[bool, typer.Option("--exact", help="Export floats instead of int8.")] = False,
) -> None:
    """Train one stage of a system, or go on with it."""
    from nextgpt_core.cli.quiet import quiet, yield_cores
    from nextgpt_core.train.settings import split_overrides, stage_of, untrained
    from nextgpt_registry.catalog import Catalog
    from nextgpt_registry.configfile import load_config
    from nextgpt_registry.plan import resolve

    given = [*(overrides or []), *([] if steps is None else [f"steps={steps}"])]
    loaded = load_config(system, split_overrides(stage, given))
    if fresh:
        loaded = untrained(loaded)
    stage_of(loaded.config, stage)
    catalog = Catalog.discover(loaded.config.plugins)
    resolve(loaded, catalog)  # all that is wrong is told before torch is imported

    yield_cores()
    quiet()
    from nextgpt_core.train.export import export_parts
    from nextgpt_core.train.start import train

    if speed:
        from nextgpt_core.train.speed import compare_cache

        found = compare_cache(loaded, catalog, stage, steps=speed, start=start)
        times = found["with"] / max(found["without"], 1e-9)
        without, cached = (f"{found[name]:.2f}" for name in ("without", "with"))
        sys.stdout.write(
            f"{stage}, dialogues/s: {without} without the cache, {cached} with it "
            f"({times:.1f} times)\n"
        )
        return
    trained = train(loaded, catalog, stage, out=out, start=start)
    told = "  ".join(f"{name} {value:.4f}" for name, value in trained.values.items())
    sys.stdout.write(f"{stage}: {trained.steps} steps  {told}\n{_pace(trained.metrics)}")
    sys.stdout.write(f"run: {trained.folder}\n")
    if export is not None:
        sys.stdout.write(export_parts(trained.parts, export, exact=exact))


def _pace(metrics: Mapping[str, float]) -> str:
    """One line on speeds; none where no step was left to do."""
    if "speed.dialogues_per_s" not in metrics:
        return ""
    rate, pace, cached = (
        metrics[f"speed.{name}"] for name in ("dialogues_per_s", "seconds_per_step", "cached")
    )
    return f"{rate:.2f} dialogues/s  {pace:.3f} s a step  {cached:.0%} of features cached\n"
