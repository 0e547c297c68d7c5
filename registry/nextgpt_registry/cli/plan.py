"""`nextgpt plan`: what a system would be, before anything is fetched or loaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from nextgpt_registry.additions import find_offer, join
from nextgpt_registry.cli.arguments import System, additions
from nextgpt_registry.cli.tables import json_alone, megabytes, print_json, print_lines, print_table
from nextgpt_registry.configfile import load_config
from nextgpt_registry.entrypoints import installed
from nextgpt_registry.errors import PlanError, Problem
from nextgpt_registry.fetch.progress import busy
from nextgpt_registry.plan import STAGES, Part, Plan, make_plan
from nextgpt_registry.plan.stages import StagePlan, plan_stages
from nextgpt_registry.targets import resolve

METERS = "nextgpt.meters"
"""Entry points of what builds and counts the parts of a plan: `"module:function"`."""

_UNTRAINED = ("            is trained first (`nextgpt train`), or run as it is with --untrained",)
_INSTALL = "pip install nextgpt-core"


def command(
    system: System,
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Changes to the config.")
    ] = None,
    add: Annotated[
        str,
        typer.Option(
            help="With the channels of an addition, a YAML file of one, or a system.",
            autocompletion=additions,
        ),
    ] = "",
    meta: Annotated[
        bool, typer.Option("--meta", help="Count the real classes, on torch's meta device.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Check a system and show its parts, without loading or fetching anything."""
    stages: tuple[StagePlan, ...] | None = ()
    with json_alone(as_json):
        joined = join(load_config(system), find_offer(add)) if add else None
        plan = make_plan(joined.loaded if joined else system, overrides or [])
        if joined:
            stages = plan_stages(plan, joined.stages)
        if meta:
            plan = _measured(plan)
    if as_json:
        told = stages and [stage.model_dump(mode="json") for stage in stages]
        print_json(plan.to_json() | ({"stages": told} if joined else {}))
        return
    _show(plan, added=joined is not None)
    if stages is None:
        print_lines(f"stages      nobody here can check them: {_INSTALL}")
    elif stages:
        _show_stages(stages)


def _measured(plan: Plan) -> Plan:
    """The plan as whoever can build parts measures it: the core, which brings torch."""
    found = [entry for entry in installed(METERS) if not entry.broken]
    if not found:
        raise PlanError(
            plan.system, [Problem("--meta", "nothing is installed that builds parts", _INSTALL)]
        )
    with busy("counting the real classes"):
        measured: Plan = resolve(found[0].target)(plan)
    return measured


def _show(plan: Plan, *, added: bool) -> None:
    total = max(plan.parameters, 1)
    print_table(
        f"{plan.system}: {', '.join(f'{n} {v}' for n, v in plan.plugins.items())}",
        ("part", "what", "parameters", "%", "stages", "memory", "device", "licence", "size from",
         "weights"),
        [_row(part, total) for part in plan.parts],
        right=("parameters", "%", "memory"),
    )  # fmt: skip
    fetch = [part for part in plan.parts if part.state == "fetch"]
    unknown = " or more" if any(part.fetch_bytes is None for part in fetch) else ""
    print_lines(
        "",
        *(f"extends     {config}" for config in plan.extends),
        f"parameters  {plan.parameters:,}",
        *(
            f"stage {stage}     trains {plan.trained(stage):,} "
            f"({100 * plan.trained(stage) / total:.2f} %), "
            f"{plan.parameters - plan.trained(stage):,} are frozen"
            for stage in (() if added else STAGES)
        ),
        f"memory      {megabytes(plan.bytes)} of weights{_by_dtype(plan)}",
        *_in_turns(plan),
        f"to fetch    {megabytes(plan.fetch_bytes)}{unknown}" if fetch else "to fetch    nothing",
        *(
            f"signals     {block.channel}: {block.count} from id {block.first}, {block.spelling}"
            for block in plan.signals.blocks
        ),
        *_trained(plan),
        *_unaccepted(plan),
        *(f"note        {note}" for note in plan.notes),
    )


def _show_stages(stages: Sequence[StagePlan]) -> None:
    """What the addition trains, of what is new alone."""
    print_table(
        "stages, in this order, where no trained parts fit",
        ("stage", "trains", "of", "parameters", "steps", "batch", "data", "rehearses"),
        [
            (
                stage.name,
                ", ".join(stage.parts),
                ", ".join(stage.channels),
                f"{stage.parameters:,}",
                f"{stage.steps:,}",
                str(stage.batch),
                stage.target,
                f"{stage.share:.0%}: {', '.join(stage.rehearses)}" if stage.rehearses else "",
            )
            for stage in stages
        ],
        right=("parameters", "steps", "batch"),
    )


def _trained(plan: Plan) -> list[str]:
    """Which channels are trained in which direction, and what the others lack."""
    rows = {"signals": "signal rows", "output": "output projection", "input": "input projection"}
    told: dict[str, list[str]] = {"trained": [], "untrained": []}
    for name, channel in plan.channels.items():
        for way, wanted in (("in", {"input"}), ("out", {"signals", "output"})):
            if not (channel.encoder if way == "in" else channel.decoder):
                continue
            lacking = [rows[side] for side in channel.untrained if side in wanted]
            told["untrained" if lacking else "trained"].append(
                f"{name} {way}" + f" ({', '.join(lacking)})" * bool(lacking)
            )
    lines = [f"{word:<11} {', '.join(names)}" for word, names in told.items() if names]
    return [*lines, *_UNTRAINED] if told["untrained"] else lines


def _unaccepted(plan: Plan) -> list[str]:
    """A line for each licence that is still to be accepted, and whose it is."""
    paths: dict[tuple[str, str], list[str]] = {}
    for problem in plan.unaccepted:
        paths.setdefault((problem.what, problem.fix), []).append(problem.path)
    return [
        f"accept      {what} ({', '.join(where)}); {fix}" for (what, fix), where in paths.items()
    ]


def _in_turns(plan: Plan) -> list[str]:
    """What is on the device at once, where components come and go."""
    if not any(part.offload for part in plan.parts):
        return []
    return [f"at once     {megabytes(plan.bytes_at_once)} of them: what is offloaded takes turns"]


def _by_dtype(plan: Plan) -> str:
    """`: float16 13.5 GB, float32 1.2 GB`, where there is more than one type."""
    sizes: dict[str, int] = {}
    for part in plan.parts:
        sizes[part.dtype] = sizes.get(part.dtype, 0) + part.bytes
    told = [f"{dtype} {megabytes(size)}" for dtype, size in sorted(sizes.items()) if size]
    return f": {', '.join(told)}" if len(told) > 1 else ""


def _row(part: Part, total: int) -> tuple[str, ...]:
    fetch = f" {megabytes(part.fetch_bytes)}" if part.state == "fetch" else ""
    return (
        part.name,
        part.what,
        f"{part.parameters:,}",
        f"{100 * part.parameters / total:.2f}",
        " ".join(map(str, part.stages)),
        megabytes(part.bytes),
        part.device + ", offloaded" * part.offload,
        part.licence,
        part.checked,
        part.state + fetch,
    )
