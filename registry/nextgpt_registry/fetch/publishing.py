"""Repositories of the Hugging Face hub by name, and uploads. Knows nothing of what lies in them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from nextgpt_registry.errors import SourceError
from nextgpt_registry.fetch.cache import switched_off
from nextgpt_registry.fetch.hub import hub_failed, require_hub
from nextgpt_registry.fetch.revisions import resolve_revision
from nextgpt_registry.paths import shortened

_REPO = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)


def hub_source(named: str, revision: Any) -> str:
    """`OWNER/NAME`, `hf:OWNER/NAME@REVISION` and the like as a source pinned by its commit.

    Raises:
        SourceError: it is no repository, or the hub knows no such revision.
    """
    if revision is not None and not (isinstance(revision, str) and revision):
        raise SourceError("revision", f"is {shortened(revision)}", "give a name or a commit")
    repo, at, told = named.removeprefix("hf:").partition("@")
    if not _REPO.fullmatch(repo) or (at and revision is not None and told != revision):
        raise SourceError(
            named,
            "is no folder here, and no hub repository",
            "give a folder, or 'OWNER/NAME' and perhaps revision='…'; a system's name or a YAML "
            "file is `from_config`'s",
        )
    return f"hf:{repo}@{resolve_revision(repo, revision or told or 'main')}"


def upload(
    folder: Path,
    repo: Any,
    *,
    revision: str | None,
    message: str,
    private: bool | None,
    token: str | None,
) -> str:
    """Put a folder's files into a repository, made if it is not there; returns the commit.

    A `README.md` that is in the repository stays.

    Raises:
        SourceError: the hub refuses it, or cannot be reached.
    """
    if not isinstance(repo, str) or not _REPO.fullmatch(repo):
        raise SourceError(repr(repo), "is no name of a repository", "give 'OWNER/NAME'")
    client = _client(repo)
    try:
        api = client.HfApi(token=token)
        api.create_repo(repo, private=private, exist_ok=True)
        if revision is not None:
            api.create_branch(repo, branch=revision, exist_ok=True)
        carded = api.file_exists(repo, "README.md", revision=revision)
        found = api.upload_folder(
            repo_id=repo,
            folder_path=folder,
            revision=revision,
            commit_message=message,
            ignore_patterns=["README.md"] if carded else None,
        )
    except Exception as error:  # the hub's errors share no base class; all are told the same way
        raise hub_failed(repo, error, offline=False) from error
    return str(found.oid)


def _client(who: str) -> Any:
    require_hub(who)
    if switch := switched_off("NEXTGPT_OFFLINE", "HF_HUB_OFFLINE"):
        raise SourceError(who, f"cannot be written to: {switch} forbids the network", "unset it")
    import huggingface_hub  # lazy: 150 ms, and needed for uploads only

    return huggingface_hub
