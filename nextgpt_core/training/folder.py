"""A run on disk: what it is, how far it is, what it logged. Knows nothing about models.

    config.yaml  nextgpt.lock.json   the system it trains, and what it stands on
    run.json                         stage, settings and what the run started from
    state.pt                         parts and optimizer at the last checkpoint
    parts/<part>.safetensors         the trained parts at the last checkpoint
    log.jsonl  tensorboard/          a line for every `log_every` steps
    metrics.json                     the last value of everything logged
    samples/<step>/                  answers to fixed prompts
    states/                          signal states, where nothing before them is trained

Everything that a later run reads is written aside and renamed; a line that was logged after the
last checkpoint is dropped when the run goes on from there, because those steps are done again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from nextgpt_core.assembly.checkpoint import save_parts
from nextgpt_registry.aside import flush, share
from nextgpt_registry.content import replace_file
from nextgpt_registry.documents import read_json
from nextgpt_registry.errors import TrainingError
from nextgpt_registry.paths import local_path
from nextgpt_registry.tensors import load_compact

_STATE, _LOG, _RUN, _PARTS = "state.pt", "log.jsonl", "run.json", "parts"
_OLD_PARTS = ".parts.old"  # for the moment in which they are exchanged

State = dict[str, Any]


class RunFolder:
    """The folder of one run, held by one process at a time; a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self.path / ".lock")
        try:
            self._lock.acquire(timeout=1)
        except Timeout:
            raise TrainingError(
                str(self.path), "another process trains in this folder", "wait, or give --out"
            ) from None
        self._writer: Any = None
        self._step = 0  # of the last checkpoint
        for left in self.path.glob(f".{_STATE}.*"):  # by a run that was killed
            left.unlink()

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the folder go."""
        if self._writer is not None:
            self._writer.close()
        self._lock.release()

    def write(self, name: str, text: str) -> None:
        """A small text file."""
        replace_file(self.path / name, text.encode())

    def write_json(self, name: str, told: Mapping[str, Any]) -> None:
        """A small JSON file."""
        self.write(name, json.dumps(told, indent=1) + "\n")

    def agree(self, told: Mapping[str, Any], *, free: frozenset[str]) -> None:
        """Hold what a run is against what the folder's run was; writes it down.

        Raises:
            TrainingError: another run was made here, and something not in `free` differs.
        """
        path = self.path / _RUN
        told = json.loads(json.dumps(told))
        if self.begun and path.is_file():
            before = _flat(read_json(path, error=TrainingError, fix="remove the folder"))
            now = _flat(told)
            changed = sorted(
                f"{key}: {before.get(key)!r}, now {now.get(key)!r}"
                for key in before.keys() | now.keys()
                if before.get(key) != now.get(key) and key.rpartition(".")[2] not in free
            )
            if changed:
                raise TrainingError(
                    str(self.path),
                    f"holds a run with other settings ({'; '.join(changed[:5])})",
                    "go on with the same settings, give another --out, or remove the folder",
                )
        self.write_json(_RUN, told)

    @property
    def begun(self) -> bool:
        """Whether there is a checkpoint."""
        return (self.path / _STATE).is_file()

    def load(self) -> State | None:
        """The last checkpoint; the log is cut back to it."""
        path = self.path / _STATE
        state: State | None = None
        if self.begun:
            try:
                state = torch.load(path, map_location="cpu", weights_only=True)
            except Exception as error:  # of a damaged file torch raises anything
                what = f"cannot be read: {type(error).__name__}: {str(error)[:500]}"
                raise TrainingError(str(path), what, "remove it to begin anew") from error
        self._step = state["step"] if state else 0
        self._cut_log(self._step)
        return state

    def save(self, state: State) -> None:
        """A checkpoint, on the disk before it counts."""
        aside = self.path / f".{_STATE}.new"
        torch.save(state, aside)
        flush(aside)
        aside.replace(self.path / _STATE)

    def save_parts(self, parts: Mapping[str, Mapping[str, Tensor]]) -> None:
        """The trained parts, where a later stage finds them."""
        target, old = self.path / _PARTS, self.path / _OLD_PARTS
        fresh = self.path / ".parts.new"
        if old.exists() and not target.exists():
            old.replace(target)  # a run was killed between the two renames below
        for left in (fresh, old):
            shutil.rmtree(left, ignore_errors=True)
        fresh.mkdir()
        save_parts(parts, fresh)
        share(fresh)
        flush(fresh)
        if target.exists():
            target.replace(old)
        fresh.replace(target)
        shutil.rmtree(old, ignore_errors=True)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """One line, and one point on each curve."""
        line = {"step": step, **values}
        with (self.path / _LOG).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line) + "\n")
        for name, value in values.items():
            self.writer.add_scalar(name.replace(".", "/"), value, step)

    @property
    def writer(self) -> Any:
        """TensorBoard's; it hides what an earlier process wrote after its last checkpoint."""
        if self._writer is None:
            folder = str(self.path / "tensorboard")
            self._writer = SummaryWriter(folder, purge_step=self._step)
        return self._writer

    def _cut_log(self, step: int) -> None:
        path = self.path / _LOG
        if not path.is_file():
            return
        kept = []
        for line in path.read_text("utf-8").splitlines():
            with suppress(ValueError):  # a line that was being written when the run was killed
                if json.loads(line)["step"] <= step:
                    kept.append(line)
        self.write(_LOG, "".join(f"{line}\n" for line in kept))


def part_files(run: Path) -> list[Path]:
    """The files of a run's trained parts, also where it was killed while it exchanged them."""
    run = run.expanduser()
    for name in (_PARTS, _OLD_PARTS):
        if found := sorted((run / name).glob("*.safetensors")):
            return found
    return []


def read_parts(run: Path) -> dict[str, dict[str, Tensor]]:
    """The trained parts of a run.

    Raises:
        TrainingError: it has none.
    """
    folder = local_path(run, who="run", error=TrainingError)
    found = {path.stem: load_compact(path) for path in part_files(folder)}
    if not found:
        raise TrainingError(
            str(run), "holds no trained parts", "give the folder of a run that reached a checkpoint"
        )
    return found


def _flat(told: Any, before: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} -> {"a.b": 1}."""
    if not isinstance(told, dict) or not told:
        return {before: told}
    found: dict[str, Any] = {}
    for key, value in told.items():
        found |= _flat(value, f"{before}.{key}" if before else key)
    return found
