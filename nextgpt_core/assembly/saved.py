"""The folder of a saved system, exchanged in one step. Knows neither tensors nor plans.

    nextgpt.yaml      names all the others; replacing it is what makes another system of the folder
    .saving/          while a save is under way: fresh/, and `names`, what is to be swept after it

A file that a system has is never written over. One of other content goes beside it as
`<part>.<hash>.safetensors`, then the config is replaced, then what the new one does not name is
removed: at every moment the old system is there, or the new one. What a killed save left is swept
by the next.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from safetensors import SafetensorError

from nextgpt_registry.aside import flush, flush_names, remove, scratch, share
from nextgpt_registry.config import Config
from nextgpt_registry.configfile import CONFIG_FILE, dump_config
from nextgpt_registry.errors import ConfigError
from nextgpt_registry.fetch.cache import sha256_of

_STAGE, _FRESH, _NAMES = ".saving", "fresh", "names"
_HASH = 8  # hex digits in the name of a file whose own name is taken
_OURS = re.compile(r"[^/\\]+\.(safetensors|lock\.json|lock\.[0-9a-f]+\.json)")

Fill = Callable[[Path], Config]
"""Writes a system's files into the folder it is given; returns the config that names them."""


def check_replaceable(folder: Path) -> None:
    """Refuse a folder that holds something else than a saved system.

    Raises:
        ConfigError: it does, or it is a file.
    """
    if not folder.exists():
        return
    ours = (CONFIG_FILE, _STAGE)
    if not folder.is_dir() or not (
        any((folder / name).exists() for name in ours) or not any(folder.iterdir())
    ):
        raise ConfigError(
            str(folder), "holds something other than a saved system", "choose another"
        )


def exchange(folder: Path, fill: Fill) -> None:
    """Make what `fill` writes the system of `folder`, in place of one that is there.

    Raises:
        ConfigError: the folder cannot be written to.
    """
    try:
        with scratch(folder / _STAGE) as stage:
            _sweep(folder, stage)
            try:
                _exchange(folder, stage, fill)
            finally:
                _sweep(folder, stage)
    except (OSError, SafetensorError) as error:
        raise ConfigError(
            str(folder), f"cannot be written: {error}", "choose another folder, or free space in it"
        ) from error
    finally:
        with suppress(OSError):  # of a save that failed, where there was nothing
            folder.rmdir()


def _exchange(folder: Path, stage: Path, fill: Fill) -> None:
    fresh = stage / _FRESH
    fresh.mkdir()
    config = fill(fresh)
    names = {path.name: _free(folder, path) for path in sorted(fresh.iterdir())}
    (fresh / CONFIG_FILE).write_bytes(dump_config(_renamed(config, names)).encode())
    share(fresh)
    flush(fresh)
    _write_names(stage, _trained(folder) | set(names.values()))
    for own, name in names.items():
        if not (folder / name).exists():
            (fresh / own).replace(folder / name)
    flush_names(folder)
    (fresh / CONFIG_FILE).replace(folder / CONFIG_FILE)
    flush_names(folder)


def _free(folder: Path, path: Path) -> str:
    """The name under which a file can be put into the folder without touching another."""
    digest = sha256_of(path)
    stem, _, suffix = path.name.rpartition(".")
    longer = [f"{stem}.{digest[:n]}.{suffix}" for n in (_HASH, len(digest))]
    for name in (path.name, *longer):
        there = folder / name
        if not there.exists() or (there.is_file() and sha256_of(there) == digest):
            return name
    raise ConfigError(str(folder / longer[-1]), "is in the way", "remove it")


def _renamed(config: Config, names: dict[str, str]) -> Config:
    """The config with its files under the names that they get in the folder."""

    def moved(source: Any) -> Any:
        own = source.removeprefix("file:") if isinstance(source, str) else ""
        return f"file:{names[own]}" if own in names else source

    weights = {
        part: weight.model_copy(update={"source": moved(weight.source)})
        for part, weight in config.weights.items()
    }
    lock = names.get(config.lock or "", config.lock)
    return config.model_copy(update={"weights": weights, "lock": lock})


def _write_names(stage: Path, names: set[str]) -> None:
    aside = stage / f"{_NAMES}.new"
    aside.write_text(json.dumps(sorted(names)), "utf-8")
    flush(aside)
    aside.replace(stage / _NAMES)


def _sweep(folder: Path, stage: Path) -> None:
    """Remove what a save, whether it was killed or has ended, leaves that the config names not."""
    noted = stage / _NAMES
    if noted.is_file():
        kept = _all_files(_raw(folder))
        for name in json.loads(noted.read_text("utf-8")):
            if name not in kept and _OURS.fullmatch(name):
                (folder / name).unlink(missing_ok=True)
        noted.unlink()
    remove(stage / _FRESH)


def _trained(folder: Path) -> set[str]:
    """The names of the trained parts and the lock of the system that is there, if there is one."""
    raw = _raw(folder)
    return _all_files({"weights": raw.get("weights"), "lock": raw.get("lock")})


def _raw(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG_FILE
    try:
        raw = yaml.safe_load(path.read_text("utf-8")) if path.exists() else {}
    except (UnicodeError, yaml.YAMLError) as error:
        problem = " ".join(str(error).split())
        raise ConfigError(
            str(path), f"is no YAML, so what belongs to it is not known: {problem}", "remove it"
        ) from error
    return raw if isinstance(raw, dict) else {}


def _all_files(raw: Any) -> set[str]:
    """The names of all files in the config's own folder that it names."""
    if isinstance(raw, dict):
        lock = {raw["lock"]} if isinstance(raw.get("lock"), str) else set()
        return lock.union(*map(_all_files, raw.values()))
    if isinstance(raw, list):
        return set().union(*map(_all_files, raw))
    name = raw.removeprefix("file:").removeprefix("./") if isinstance(raw, str) else ""
    return {name} if _OURS.fullmatch(name) else set()
