"""From what a config says of weights to local paths. Does not know what is inside the files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from nextgpt_core.llm.gguf import convert_gguf, converted
from nextgpt_registry.config import LLMSettings, Weight
from nextgpt_registry.fetch.cache import cache_dir
from nextgpt_registry.fetch.sources import OnProgress, cached, fetch
from nextgpt_registry.origin import origin_of
from nextgpt_registry.tensors import convert_pickle, load_compact, save_compact

__all__ = [
    "convert_pickle",
    "load_compact",
    "missing",
    "origin",
    "resolve",
    "resolve_llm",
    "save_compact",
]


def resolve(
    weights: Mapping[str, Weight],
    *,
    base: Path | None = None,
    progress: OnProgress | None = None,
) -> dict[str, Path]:
    """The local path of each weight by its name, fetched and verified unless cached.

    Args:
        weights: as in a config.
        base: the folder that `file:` sources are relative to: the config's.
        progress: called instead of drawing a bar on standard error.

    Raises:
        SourceError: one cannot be had, or is not what was pinned.
    """
    return {
        name: fetch(weight.source, sha256=weight.sha256, base=base, progress=progress)
        for name, weight in weights.items()
    }


def resolve_llm(
    settings: LLMSettings, *, base: Path | None = None, progress: OnProgress | None = None
) -> Path:
    """The folder to load the language model from; a GGUF file is converted to one, once.

    Raises:
        SourceError: it cannot be had, is not what was pinned, or is no causal LM.
    """
    ready = _converted(settings)
    if ready:
        return ready
    path = fetch(settings.path, sha256=settings.sha256, base=base, progress=progress)
    if path.is_dir():
        return path
    return convert_gguf(path, sha256=settings.sha256)


def origin(folder: Path) -> str | None:
    """What tells the language model in a folder that `resolve_llm` gave from any other."""
    if folder.parent == cache_dir() / "llm":
        return folder.name.partition("-")[0]  # the GGUF's own hash, whoever converts it
    return origin_of(folder)


def missing(
    weights: Mapping[str, Weight], llm: LLMSettings | None = None, *, base: Path | None = None
) -> tuple[str, ...]:
    """The names of what would need the network now: weights by name, the model as `llm`."""

    def absent() -> Iterator[str]:
        if llm and not _converted(llm) and not cached(llm.path, sha256=llm.sha256, base=base):
            yield "llm"
        for name, weight in weights.items():
            if not cached(weight.source, sha256=weight.sha256, base=base):
                yield name

    return tuple(absent())


def _converted(settings: LLMSettings) -> Path | None:
    """The folder made of a pinned GGUF earlier: the GGUF itself is then no longer needed."""
    return converted(settings.sha256) if settings.sha256 else None
