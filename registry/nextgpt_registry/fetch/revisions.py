"""Tags and branches on the Hugging Face hub: looked up once, then held. Fetches no file.

    <cache>/revisions.json      {"OWNER/NAME@v1": "<commit>"}

A tag can be moved and a branch moves by its nature, so what either stood for at its first use is
what it stands for here, until somebody asks again. What is saved names the commit.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from nextgpt_registry.documents import read_json
from nextgpt_registry.errors import SourceError
from nextgpt_registry.fetch.cache import cache_dir, staging, switched_off
from nextgpt_registry.fetch.hub import hub_failed, require_hub

_COMMIT = re.compile("[0-9a-f]{40}")
_SOURCE = re.compile(r"hf:(?P<repo>[^@]+)@(?P<revision>[^/]+)(?P<rest>.*)", re.DOTALL)
_RESTORE = "remove the file: tags and branches are then looked up anew"


def resolve_revision(
    repo: str, revision: str, *, update: bool = False, offline: bool = False
) -> str:
    """The commit that a tag or branch of a repository stands for; a commit is itself.

    The first use asks the hub, says the commit on standard error and keeps it in the user's cache;
    later ones hold it, unless they are to `update` it.

    Raises:
        SourceError: there is no such repository or revision, or no network to ask.
    """
    if _COMMIT.fullmatch(revision):
        return revision
    key = f"{repo}@{revision}"
    known = _held().get(key)
    if known is not None and not update:
        return known
    if offline or (switch := switched_off("NEXTGPT_OFFLINE", "HF_HUB_OFFLINE")):
        why = "and is not to be asked for now" if offline else f"and {switch} forbids the network"
        what = f"nobody has asked yet which commit it is, {why}"
        raise SourceError(f"hf:{key}", what, "use it once with a network, or name the commit")
    found = _asked(repo, revision)
    with staging("revisions") as stage:  # held by one process at a time
        (stage / "new").write_text(json.dumps({**_held(), key: found}, indent=1) + "\n", "utf-8")
        (stage / "new").replace(_file())
    again = "" if found == known else "; `nextgpt pull SYSTEM --update` looks again"
    sys.stderr.write(f"hf:{key} is commit {found}{again}\n")
    return found


def pinned(source: str) -> str:
    """An `hf:` source with the commit that its tag or branch is held at; any other as it is."""
    told = _SOURCE.fullmatch(source)
    known = told and _held().get(f"{told['repo']}@{told['revision']}")
    return f"hf:{told['repo']}@{known}{told['rest']}" if told and known else source


def updated(source: str) -> str:
    """The same, asked for again; a commit stays.

    Raises:
        SourceError: it cannot be asked for.
    """
    if told := _SOURCE.fullmatch(source):
        resolve_revision(told["repo"], told["revision"], update=True)
    return pinned(source)


def _file() -> Path:
    return cache_dir() / "revisions.json"


def _held() -> dict[str, str]:
    if not _file().exists():
        return {}
    found = read_json(_file(), error=SourceError, fix=_RESTORE)
    if not isinstance(found, dict) or not all(
        isinstance(commit, str) and _COMMIT.fullmatch(commit) for commit in found.values()
    ):
        raise SourceError(str(_file()), "does not hold commits by revision", _RESTORE)
    return found


def _asked(repo: str, revision: str) -> str:
    who = f"hf:{repo}@{revision}"
    require_hub(who)
    from huggingface_hub import HfApi  # lazy: 150 ms, and needed for tags and branches only

    try:
        found = HfApi().repo_info(repo, revision=revision, timeout=30).sha
    except Exception as error:  # the hub's errors share no base class; all are told the same way
        raise hub_failed(who, error, offline=False) from error
    if found is None or not _COMMIT.fullmatch(found):
        raise SourceError(who, f"the hub says that it is {found!r}", "name a commit")
    return found
