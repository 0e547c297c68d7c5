"""Add channels to a trained system: train them, or take those that are trained; a new folder.

    nextgpt.yaml  nextgpt.lock.json  *.safetensors   the new system, as `save_system` writes one
    addition.json                                    what was added to what
    runs/<stage>/                                    the runs that trained it

The parts of the system that is added to are copied as files, and its signal rows bit for bit. The
config is put in its place last: a folder without one is no system yet, and the same call goes on.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from nextgpt_core.assembly import weights
from nextgpt_core.assembly.checkpoint import save_parts, tokenizer_hash
from nextgpt_core.assembly.saved import exchange
from nextgpt_core.llm.load import tokenizer_from_folder
from nextgpt_core.training.start import TrainingResult, check_data, train
from nextgpt_registry.additions import Joined
from nextgpt_registry.anchors import anchored
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.config import Config, Weight
from nextgpt_registry.content import replace_file
from nextgpt_registry.documents import read_json
from nextgpt_registry.errors import ConfigError, LockError, TrainingError
from nextgpt_registry.fetch.cache import sha256_of
from nextgpt_registry.fetch.sources import OnProgress
from nextgpt_registry.lock import LOCK_FILE, Difference, Lock, Signals, differences, write_lock
from nextgpt_registry.plan import Plan, resolve

_ABOUT = "addition.json"
_SIGNALS = "signals"

Parts = Mapping[str, Mapping[str, Tensor]]


@dataclass(frozen=True)
class AdditionResult:
    """A system that was written, and the runs that trained what is new in it."""

    folder: Path
    channels: tuple[str, ...]
    stages: tuple[str, ...]  # that there are for the new channels
    runs: tuple[TrainingResult, ...]  # of these stages; none where all was trained already
    unfit: tuple[Difference, ...] = ()  # why parts that the addition brought were not taken


def add(
    joined: Joined,
    catalog: Catalog,
    *,
    out: Path,
    exact: bool = False,
    fresh: bool = False,
    progress: OnProgress | None = None,
) -> AdditionResult:
    """Write the joined system to `out`, its new channels trained, or go on with that.

    Parts that the offer brings are taken if they were trained beside this language model and its
    adapters; else, or where `fresh` is set, its stages run one after the other. New projections
    are stored as int8 unless `exact` is set.

    Raises:
        PlanError: the joined system cannot be assembled.
        ConfigError: `out` holds something else.
        LockError: the channels of another system were trained beside another language model.
        TrainingError: there is nothing to train the channels with, or a run cannot go on.
    """
    plan = resolve(joined.loaded, catalog)
    old = weights.resolve(_own(plan), base=plan.base, progress=progress)
    found = _lock(plan, old, progress)
    unfit: tuple[Difference, ...] = ()
    if take := joined.ready and not fresh:
        unfit = _unfit(joined, found)
        take = not unfit
    if unfit and joined.offer.whole:
        told = "".join(f"\n  {difference}" for difference in unfit)
        raise LockError(
            f"{joined.offer.name} to {joined.system}",
            f"its channels were trained beside something else:{told}",
            "combine systems that were made of the same one, or add the channel anew",
        )
    if not take and not joined.stages:
        raise TrainingError(
            joined.offer.name,
            f"has neither parts that fit {joined.system} nor data to train {_list(joined)}",
            "give the addition `training`",
        )
    folder = _claimed(out, joined, found)
    runs: tuple[TrainingResult, ...] = ()
    if take:
        new = _brought(joined, progress)
    else:
        check_data(joined.loaded.config, joined.stages)
        runs = _trained(joined, catalog, folder / "runs", progress)
        new = {part: dict(tensors) for run in runs for part, tensors in run.parts.items()}
    _write(folder, joined, plan, found, old=old, new=new, exact=exact)
    return AdditionResult(folder, joined.channels, joined.stages, runs, unfit)


def _own(plan: Plan) -> dict[str, Weight]:
    """The trained parts of the system that is added to, without those of channels left out."""
    known = {_SIGNALS, "lora", *(f"project.{name}" for name in plan.channels)}
    return {part: weight for part, weight in plan.weights.items() if part in known}


def _lock(plan: Plan, old: Mapping[str, Path], progress: OnProgress | None) -> Lock:
    """What the joined system stands on: the old parts, and the tokenizer as it is."""
    folder = weights.resolve_llm(plan.config.llm, base=plan.base, progress=progress)
    return plan.to_lock(
        tokenizer=tokenizer_hash(tokenizer_from_folder(folder)),
        base=weights.origin(folder),
        weights={part: sha256_of(path) for part, path in old.items()},
    )


def _unfit(joined: Joined, found: Lock) -> tuple[Difference, ...]:
    """How the system differs from the one that the offered parts were trained in.

    Projections and signal rows depend on the language model and its adapters and on no other
    channel; ids are given anew.
    """

    def seen(lock: Lock) -> Lock:
        pins = {"lora": lock.weights.get("lora", "none")}
        channels = {n: pinned for n, pinned in lock.channels.items() if n in joined.channels}
        signals = Signals(base=lock.signals.base)
        return lock.model_copy(update={"channels": channels, "signals": signals, "weights": pins})

    assert joined.offer.lock is not None, "an offer with weights has a lock"
    return differences(seen(joined.offer.lock), seen(found))


def _claimed(out: Path, joined: Joined, found: Lock) -> Path:
    """The folder, if it is empty or holds what this very addition has come to before."""
    folder = out.expanduser().absolute()
    told = {
        "system": joined.system,
        "channels": list(joined.channels),
        "from": joined.offer.name,
        "weights": found.weights,
    }
    about = folder / _ABOUT
    if folder.exists() and not folder.is_dir():
        raise ConfigError(str(out), "is a file", "choose another --out")
    if about.is_file():
        before = read_json(about, fix="remove the folder")
        if not isinstance(before, dict):
            raise ConfigError(str(about), "says nothing of an addition", "remove the folder")
        if changed := [key for key, value in told.items() if before.get(key) != value]:
            raise ConfigError(
                str(out),
                f"holds {before.get('from')} added to {before.get('system')}, and not the same: "
                f"{', '.join(changed)} differ",
                "choose another --out, or remove the folder",
            )
    elif folder.is_dir() and any(folder.iterdir()):
        raise ConfigError(
            str(out), "holds something other than this addition", "choose another --out"
        )
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(about, (json.dumps(told, indent=1) + "\n").encode())
    return folder


def _trained(
    joined: Joined, catalog: Catalog, runs: Path, progress: OnProgress | None
) -> tuple[TrainingResult, ...]:
    """Each stage, from the parts of the one before."""
    done: list[TrainingResult] = []
    for stage in joined.stages:
        start = done[-1].folder if done else None
        done.append(
            train(joined.loaded, catalog, stage, out=runs / stage, start=start, progress=progress)
        )
    return tuple(done)


def _brought(joined: Joined, progress: OnProgress | None) -> dict[str, dict[str, Tensor]]:
    """The parts that the offer names, loaded."""
    named = joined.offer.settings.weights
    wanted = {_SIGNALS, *(f"project.{name}" for name in joined.channels)}
    paths = weights.resolve({n: w for n, w in named.items() if n in wanted}, progress=progress)
    return {part: weights.load_compact(path) for part, path in paths.items()}


def _write(
    folder: Path,
    joined: Joined,
    plan: Plan,
    lock: Lock,
    *,
    old: Mapping[str, Path],
    new: Parts,
    exact: bool,
) -> None:
    def fill(aside: Path) -> Config:
        for part, path in old.items():
            shutil.copyfile(path, aside / f"{part}.safetensors")
        kept = {p: Weight(source=f"file:{p}.safetensors", sha256=lock.weights[p]) for p in old}
        names = [f"project.{name}" for name in joined.channels]
        projections = {part: new[part] for part in names if part in new}
        saved = save_parts(projections, aside, compact=not exact)
        if rows := _new_rows(joined, plan, new.get(_SIGNALS, {})):
            before = weights.load_compact(old[_SIGNALS]) if _SIGNALS in old else {}
            saved |= save_parts({_SIGNALS: {**before, **rows}}, aside)
        parts = {**kept, **saved}
        pins = {part: weight.sha256 or "" for part, weight in parts.items()}
        write_lock(lock.model_copy(update={"weights": pins}), aside / LOCK_FILE)
        return anchored(plan.config, plan.base).model_copy(
            update={"weights": parts, "lock": LOCK_FILE}
        )

    exchange(folder, fill)


def _new_rows(joined: Joined, plan: Plan, rows: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The rows of the new channels that speak; of an offer's parts, of all of them."""
    speaking = [name for name in joined.channels if plan.channels[name].decoder]
    lacking = [name for name in speaking if f"{name}.input" not in rows]
    if lacking and joined.ready:
        raise LockError(
            joined.offer.name,
            f"its weights hold no signal rows of {', '.join(lacking)}",
            "name the file of its signals under `weights`",
        )
    return {n: t for n, t in rows.items() if n.rpartition(".")[0] in speaking}


def _list(joined: Joined) -> str:
    return ", ".join(joined.channels)
