"""An evaluation on disk: what was asked of which system, and what came. Scores nothing.

    evaluation.json          the system, the suite and a fingerprint of both
    results.jsonl            one line for each prompt that was asked
    items/<id>.html          each prompt with its answer, as the plugins show it
    media/                   the media of the answers, as files
    features/<id>.safetensors what judges see in them, for distances to real media
    suite.jsonl asked/       what was asked, as data, with its media
    report.json index.html   the figures, and the contact sheet

A prompt counts as asked when its line is whole, so a killed evaluation goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError
from safetensors.numpy import load_file, save

from nextgpt_core.evaluation.scores import Result
from nextgpt_registry.anchors import anchored
from nextgpt_registry.content import replace_file
from nextgpt_registry.documents import json_of
from nextgpt_registry.errors import ConfigError, SourceError
from nextgpt_registry.fetch.sources import fetch
from nextgpt_registry.plan import Plan

Array = np.ndarray[Any, np.dtype[Any]]

_ABOUT, _RESULTS = "evaluation.json", "results.jsonl"


class EvaluationFolder:
    """The folder of one evaluation of one system."""

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        self.path = path.expanduser().absolute()
        self.path.mkdir(parents=True, exist_ok=True)
        _agree(self.path / _ABOUT, about)

    def results(self) -> dict[str, Result]:
        """What is there already, by the prompts' ids."""
        path = self.path / _RESULTS
        found = {}
        for line in path.read_text("utf-8").splitlines() if path.is_file() else ():
            with suppress(ValidationError):  # the line that was being written when it was killed
                result = Result.model_validate_json(line)
                found[result.id] = result
        return found

    def add(self, result: Result, shown: str) -> None:
        """A result, after the fragment that shows it."""
        self.write(f"items/{stem(result.id)}.html", shown)
        path = self.path / _RESULTS
        torn = path.is_file() and not path.read_bytes().endswith(b"\n")
        with path.open("a", encoding="utf-8") as lines:
            lines.write(("\n" if torn else "") + result.model_dump_json() + "\n")

    def add_features(self, prompt_id: str, features: Mapping[str, Array]) -> None:
        """What judges see in the media of one answer: {kind: (N, D)}, if anything."""
        if features:
            path = self.path / "features" / f"{stem(prompt_id)}.safetensors"
            replace_file(
                path, save({kind: np.ascontiguousarray(x) for kind, x in features.items()})
            )

    def features(self, prompt_ids: Iterable[str]) -> dict[str, Array]:
        """{kind: (N, D)} over the answers to these prompts, in their order."""
        found: dict[str, list[Array]] = {}
        for prompt_id in prompt_ids:
            path = self.path / "features" / f"{stem(prompt_id)}.safetensors"
            for kind, x_ND in (load_file(path) if path.is_file() else {}).items():
                found.setdefault(kind, []).append(x_ND)
        return {kind: np.concatenate(parts) for kind, parts in found.items()}

    def shown(self, result: Result) -> str:
        """The fragment that shows a result."""
        path = self.path / "items" / f"{stem(result.id)}.html"
        return path.read_text("utf-8") if path.is_file() else ""

    def write(self, name: str, text: str) -> Path:
        """A text file, whole or not there."""
        return replace_file(self.path / name, text.encode())


def stem(prompt_id: str) -> str:
    """A file name for a prompt: readable where it can be, and no other prompt's."""
    plain = "".join(c if c.isalnum() else "-" for c in prompt_id).strip("-")[:60]
    return f"{plain}-{hashlib.sha256(prompt_id.encode()).hexdigest()[:8]}"


def fingerprint(plan: Plan, suite: str, options: dict[str, Any]) -> str:
    """Equal where the same system is asked the same: config, local weights, suite and options."""
    config = anchored(plan.config, plan.base).model_dump(
        mode="json", exclude={"training", "suites", "lock", "benchmark"}
    )
    files = [config, [part.model_dump(mode="json")["sources"] for part in plan.parts]]
    told = [config, _local_files(files, plan.base), suite, options]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _local_files(config: Any, base: Path) -> list[Any]:
    """[source, size, time] of every file that is named without a hash of its own."""
    if isinstance(config, dict):
        return [found for value in config.values() for found in _local_files(value, base)]
    if isinstance(config, list):
        return [found for value in config for found in _local_files(value, base)]
    if isinstance(config, str) and config.startswith(("file:", "package:")):
        with suppress(OSError, SourceError):
            status = fetch(config, sha256=None, base=base).stat()
            return [[config, status.st_size, status.st_mtime_ns]]
    return []


def _agree(path: Path, about: dict[str, Any]) -> None:
    if path.is_file():
        with suppress(ValueError, AttributeError):  # torn, or not ours: it is written anew
            before = json_of(path.read_bytes())
            if before.get("fingerprint") != about["fingerprint"]:
                raise ConfigError(
                    str(path.parent),
                    f"holds an evaluation of another system or suite ({before.get('system')}, "
                    f"{before.get('suite')})",
                    "give another --out, or remove it",
                )
    replace_file(path, (json.dumps(about, indent=1) + "\n").encode())
