"""Train and measure every variant, or those that are left. Knows no axis by name."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from nextgpt_core.ablate.axes import Ablations
from nextgpt_core.ablate.chain import Chain, chains, with_parts
from nextgpt_core.ablate.table import columns
from nextgpt_core.assembly.assemble import assemble
from nextgpt_core.evaluation.run import evaluate, load_suite
from nextgpt_core.pipeline import Pipeline
from nextgpt_core.training.folder import part_files
from nextgpt_core.training.start import check_data, train
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.configfile import Loaded
from nextgpt_registry.content import replace_file
from nextgpt_registry.documents import read_json
from nextgpt_registry.fetch.cache import sha256_of
from nextgpt_registry.plan import resolve

Say = Callable[[str], None]
Row = dict[str, Any]
"""axis, variant, steps, minutes, validation {name: value}, figures {column: [value, low, high]}."""


def ablate(
    loaded: Loaded,
    catalog: Catalog,
    ablations: Ablations,
    out: Path,
    *,
    start: Path | None = None,
    say: Say = lambda line: None,
) -> list[Row]:
    """Train each variant from the same start and measure it; a row for each, in their order.

    What is in the folder `out` already is not done again; a run or an evaluation that was killed
    goes on where it was.

    Raises:
        NextGPTError: a variant is wrong; all are planned before the first is trained.
    """
    origin = [sha256_of(path) for path in part_files(start)] if start else []
    measured_by = [ablations.suite, ablations.limit, ablations.columns, origin]
    found = chains(loaded, ablations, steps=ablations.steps, measured_by=measured_by)
    for chain in found:
        for link in chain.links:
            resolve(link.loaded, catalog)
            check_data(link.loaded.config, [link.stage])
    rows: list[Row] = []
    spent: list[float] = []
    todo = {chain.key for chain in found if _read(out, chain) is None}
    for chain in found:
        told = _read(out, chain)
        if told is None:
            eta = len(todo) * sum(spent) / len(spent) if spent else None
            left = f", about {timedelta(seconds=round(eta))} left" if eta is not None else ""
            say(f"{chain.axis}: {chain.variant} ({len(todo)} to do{left})")
            began = time.monotonic()
            told = _measured(chain, catalog, ablations, out, start, say)
            replace_file(_path(out, chain), (json.dumps(told, indent=1) + "\n").encode())
            spent.append(time.monotonic() - began)
            todo.discard(chain.key)
        rows.append({"axis": chain.axis, "variant": chain.variant, **told})
    return rows


def _measured(
    chain: Chain,
    catalog: Catalog,
    ablations: Ablations,
    out: Path,
    start: Path | None,
    say: Say,
) -> Row:
    metrics: dict[str, float] = {}
    seconds, before = 0.0, start
    for link in chain.links:
        say(f"  {link.stage}, {link.steps} steps")
        run = out / "runs" / link.key
        train(link.loaded, catalog, link.stage, out=run, start=before)
        told: dict[str, float] = read_json(run / "metrics.json")
        metrics |= {k: v for k, v in told.items() if k.startswith("validation.")}
        seconds += _seconds(run)
        before = run
    assert before is not None
    say(f"  {ablations.suite}, {ablations.limit} prompts")
    plan = resolve(with_parts(chain.asked, before), catalog)
    with Pipeline(assemble(plan, catalog, merge=True)) as pipeline:
        suite = load_suite(plan.config, ablations.suite, catalog)
        asked = evaluate(
            pipeline, suite, limit=ablations.limit, out=out / "evaluations" / chain.key
        )
    return {
        "steps": chain.steps,
        "minutes": round(seconds / 60, 1),
        "validation": metrics,
        "prompts": len(asked.results),
        "figures": columns(asked.results, ablations.columns),
    }


def _seconds(run: Path) -> float:
    """Of all steps in a run's log."""
    total, at = 0.0, 0
    for line in (run / "log.jsonl").read_text("utf-8").splitlines():
        told = json.loads(line)
        if "speed.seconds_per_step" in told:
            total += told["speed.seconds_per_step"] * (told["step"] - at)
            at = told["step"]
    return total


def _path(out: Path, chain: Chain) -> Path:
    return out / "results" / f"{chain.key}.json"


def _read(out: Path, chain: Chain) -> Row | None:
    with suppress(OSError, ValueError):
        told: Row = json.loads(_path(out, chain).read_text("utf-8"))
        return told
    return None
