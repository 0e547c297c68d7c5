"""Files and snapshots of Hugging Face repositories at one commit. Does not know who asks.

They stay in huggingface_hub's own cache, shared with every other program, which writes aside,
renames and locks. A commit names its bytes, so no sha256 is needed on top.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from nextgpt_registry.documents import read_json
from nextgpt_registry.errors import SourceError

WANTED = ("*.safetensors", "*.json", "*.yaml", "*.model", "*.txt", "*.jinja", "*.tiktoken")
"""What of a snapshot is fetched: weights that are plain data, configs and tokenizers; a pickle
only where a source names the file."""


def fetch_file(who: str, repo: str, commit: str, path: str, *, offline: bool) -> Path:
    """The local path of one file."""
    require_hub(who)
    # Lazy: 150 ms, and needed for hf: sources only.
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    held = try_to_load_from_cache(repo, path, revision=commit)
    if isinstance(held, str):
        return Path(held)
    if offline:  # the client asks its server who runs it, even for local files only
        raise SourceError(who, "is not in the hub's cache", _fix(offline))
    try:
        return Path(hf_hub_download(repo, path, revision=commit))
    except Exception as error:  # the hub's errors share no base class; all are told the same way
        raise hub_failed(who, error, offline) from error


def fetch_snapshot(who: str, repo: str, commit: str, under: str, *, offline: bool) -> Path:
    """The local folder of a snapshot, or of its sub-folder `under` (ends in '/'; '' for all)."""
    require_hub(who)
    from huggingface_hub import snapshot_download  # lazy, as above

    try:
        root = snapshot_download(
            repo,
            revision=commit,
            allow_patterns=[under + pattern for pattern in WANTED],
            local_files_only=offline,
        )
    except Exception as error:
        raise hub_failed(who, error, offline) from error
    folder = Path(root) / under
    missing = _missing_shards(folder)
    if missing:
        raise SourceError(
            who, f"the snapshot in {folder} lacks {', '.join(missing)}", _fix(offline)
        )
    return folder


def _missing_shards(folder: Path) -> Sequence[str]:
    """Weight files an index names that are not there: older hub clients return torn snapshots."""
    missing = []
    for index in folder.rglob("*.safetensors.index.json"):
        missing += [name for name in indexed(index) if not (index.parent / name).exists()]
    return missing


def indexed(index: Path) -> Sequence[str]:
    """The weight files that an index names, sorted.

    Raises:
        SourceError: it is no index, or names files elsewhere.
    """
    found = read_json(index, error=SourceError, fix="fetch it again")
    shards = found.get("weight_map") if isinstance(found, dict) else None
    names = list(shards.values()) if isinstance(shards, dict) else [""]
    if not all(isinstance(name, str) and name and Path(name).name == name for name in names):
        raise SourceError(str(index), "names no weight files beside it", "fetch it again")
    return sorted(set(names))


def require_hub(who: str) -> None:
    """Raise where the hub's client is not installed."""
    if importlib.util.find_spec("huggingface_hub") is None:
        raise SourceError(
            who, "needs the package huggingface_hub", "run `pip install huggingface_hub`"
        )


def hub_failed(who: str, error: Exception, offline: bool) -> SourceError:
    """What a client of the hub raised, as ours."""
    first_line = str(error).strip().partition("\n")[0]
    return SourceError(who, f"{type(error).__name__}: {first_line}", _fix(offline))


def _fix(offline: bool) -> str:
    if offline:
        return "run `nextgpt pull SYSTEM` once with a network and the offline switch off"
    return "check the repository, the revision, the path and your access to it, then try again"
