"""`nextgpt train`: a stage of training, or the channels of an addition; begun or gone on with."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from nextgpt_core.cli.again import said_how_to_go_on
from nextgpt_registry.cli.arguments import System, additions


def command(
    system: System,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Hyperparameters, and changes to the config."),
    ] = None,
    add: Annotated[
        str,
        typer.Option(
            help="Write a new system to --out, with the channels of an addition that a plugin "
            "ships, of a YAML file like one, or of another saved system; train no others.",
            autocompletion=additions,
        ),
    ] = "",
    stage: Annotated[str, typer.Option(help="encode, decode, instruct, or the config's own.")] = "",
    steps: Annotated[int | None, typer.Option(help="How long; the same as steps=N.")] = None,
    start: Annotated[
        Path | None, typer.Option("--from", help="A run's folder whose parts this one starts from.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The run's folder; default: in the cache, by system, stage. "
            "With --add the new system's."
        ),
    ] = None,
    export: Annotated[
        Path | None, typer.Option(help="Also write the trained parts here, for `weights`.")
    ] = None,
    speed: Annotated[
        int, typer.Option(help="Train nothing: measure N steps without and with cached features.")
    ] = 0,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh",
            help="Start untrained, not from the system's own parts, "
            "or with --add from those of the addition.",
        ),
    ] = False,
    exact: Annotated[bool, typer.Option("--exact", help="Write floats instead of int8.")] = False,
) -> None:
    """Train one stage of a system, or what an addition adds to it; or go on with that."""
    from nextgpt_core.cli.quiet import quiet, yield_cores
    from nextgpt_core.tasks import prepared, train
    from nextgpt_registry.outputs import check_folder

    for option, folder in (("--out", out), ("--export", export)):
        if folder is not None:
            check_folder(folder, option=option)
    given = [*(overrides or []), *([] if steps is None else [f"steps={steps}"])]
    if add:
        unused = {"--stage": stage, "--from": start, "--export": export, "--speed": speed}
        _add(system, add, given, out=out, fresh=fresh, exact=exact, unused=unused)
        return
    loaded, catalog = prepared(system, *given, stage=stage, fresh=fresh)

    yield_cores()
    quiet()
    from nextgpt_core.training.export import export_parts

    if speed:
        from nextgpt_core.training.speed import compare_cache

        found = compare_cache(loaded, catalog, stage, steps=speed, start=start)
        times = found["with"] / max(found["without"], 1e-9)
        without, cached = (f"{found[name]:.2f}" for name in ("without", "with"))
        sys.stdout.write(
            f"{stage}, dialogues/s: {without} without the cache, {cached} with it "
            f"({times:.1f} times)\n"
        )
        return
    with said_how_to_go_on():
        trained = train(loaded, stage=stage, out=out, start=start, catalog=catalog)
    told = "  ".join(f"{name} {value:.4f}" for name, value in trained.values.items())
    sys.stdout.write(f"{stage}: {trained.steps} steps  {told}\n{_pace(trained.metrics)}")
    sys.stdout.write(f"run: {trained.folder}\n")
    if export is not None:
        sys.stdout.write(export_parts(trained.parts, export, exact=exact))


def _add(
    system: str,
    source: str,
    given: Sequence[str],
    *,
    out: Path | None,
    fresh: bool,
    exact: bool,
    unused: Mapping[str, object],
) -> None:
    """The new system, and what its training came to."""
    from nextgpt_core.cli.quiet import quiet, yield_cores
    from nextgpt_core.tasks import add_channels
    from nextgpt_registry.errors import TrainingError

    if told := [option for option, value in unused.items() if value]:
        raise TrainingError(", ".join(told), "does not go with --add", "leave it out")
    if out is None:
        raise TrainingError("--add", "writes a new system, and nobody says where", "give --out DIR")
    yield_cores()
    quiet()
    with said_how_to_go_on():
        added = add_channels(system, source, *given, out=out, fresh=fresh, exact=exact)
    for difference in added.unfit:
        sys.stderr.write(f"{source}: its trained parts do not fit ({difference}): trained anew\n")
    for stage, run in zip(added.stages, added.runs, strict=False):
        values = "  ".join(f"{name} {value:.4f}" for name, value in run.values.items())
        sys.stdout.write(f"{stage}: {run.steps} steps  {values}\n{_pace(run.metrics)}")
    names = ", ".join(added.channels)
    how = "trained" if added.runs else "as it was trained before, added"
    sys.stdout.write(f"{names}: {how}\nsystem: {added.folder}\n")


def _pace(metrics: Mapping[str, float]) -> str:
    """One line on speeds; none where no step was left to do."""
    if "speed.dialogues_per_s" not in metrics:
        return ""
    rate, pace, cached = (
        metrics[f"speed.{name}"] for name in ("dialogues_per_s", "seconds_per_step", "cached")
    )
    return f"{rate:.2f} dialogues/s  {pace:.3f} s a step  {cached:.0%} of features cached\n"
