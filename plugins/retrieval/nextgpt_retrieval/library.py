"""A library on disk: what is in it, and the search. Reads media, writes nothing but itself.

    library.json             format, encoder, root, and the names and sha256s of the others
    items-<hash>.jsonl       an `Item` a line
    vectors-<hash>.safetensors   {modality: (N, D) float16}, in the order of the items of that kind

`library.json` is exchanged last and names the others by their content, so a reader never sees half
of anything. Media stay where they are; `root` is the way to them from here.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, field_validator
from safetensors import SafetensorError
from safetensors.numpy import load_file, save
from usearch.index import MetricKind, search

from nextgpt_registry.catalog import Catalog
from nextgpt_registry.content import replace_file
from nextgpt_registry.documents import json_of
from nextgpt_registry.errors import MediaError, SourceError
from nextgpt_registry.fetch.cache import sha256_of
from nextgpt_registry.media import Blob, Media

FORMAT = 1
ABOUT = "library.json"
_AGAIN = "`nextgpt retrieval index` the folder again"

Array = np.ndarray[Any, np.dtype[Any]]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Item(_Record):
    """A medium of a library, as it was when it was indexed."""

    path: str  # from the library's root, with forward slashes
    sha256: str
    size: int  # bytes
    mtime_ns: int
    modality: str
    mime: str
    caption: str

    @field_validator("path")
    @classmethod
    def _inside(cls, value: str) -> str:
        if PurePosixPath(value).is_absolute() or ".." in PurePosixPath(value).parts:
            raise ValueError(f"{value!r} leads out of the library")
        return value


class About(_Record):
    """What `library.json` says."""

    format: int
    encoder: str  # the sha256 of the weights that its vectors were made with
    root: str
    items: str
    items_sha256: str
    vectors: str
    vectors_sha256: str


@dataclass(frozen=True)
class Found:
    """An item and how near it is: the cosine, 1 for the same words."""

    item: Item
    score: float


@dataclass(frozen=True)
class Library:
    """Items, and for each modality their vectors, (N, D) float16 of length 1."""

    folder: Path
    encoder: str
    root: Path
    items: tuple[Item, ...]
    vectors: Mapping[str, Array]

    @classmethod
    def open(cls, folder: Path) -> Library:
        """Read a library.

        Raises:
            SourceError: there is none, or it is damaged or of another format.
        """
        path = folder / ABOUT
        if not path.is_file():
            raise SourceError(
                str(folder), "is no library", "`nextgpt retrieval index FOLDER --out` makes one"
            )
        try:
            told = json_of(path.read_bytes())
            if (found := told.get("format")) != FORMAT:
                raise SourceError(str(folder), f"has format {found}, wanted {FORMAT}", _AGAIN)
            about = About.model_validate(told)
            lines = _checked(folder / about.items, about.items_sha256).decode().splitlines()
            _checked(folder / about.vectors, about.vectors_sha256)
            items = tuple(Item.model_validate_json(line) for line in lines)
            vectors = load_file(folder / about.vectors)
        except (OSError, ValueError, AttributeError, SafetensorError) as error:
            raise SourceError(str(folder), f"is damaged: {error}", _AGAIN) from error
        root = Path(os.path.normpath(folder / about.root))
        return cls(folder, about.encoder, root, items, vectors)

    @cached_property
    def by_modality(self) -> dict[str, tuple[Item, ...]]:
        """The items of each modality, in the order of its vectors."""
        kinds = sorted({item.modality for item in self.items})
        return {k: tuple(item for item in self.items if item.modality == k) for k in kinds}

    def search(self, query_D: Array, modality: str, *, top: int = 1) -> list[Found]:
        """The nearest items of a modality, best first; equal ones by their path. Exact.

        Raises:
            SourceError: there is none of this modality.
        """
        items = self.by_modality.get(modality, ())
        if not items:
            have = ", ".join(self.by_modality) or "nothing"
            fix = f"index a folder that holds {modality}"
            raise SourceError(str(self.folder), f"holds no {modality} (it holds {have})", fix)
        near = min(len(items), max(2 * top, 16))  # more than asked for, to put equals in order
        query = np.asarray(query_D, np.float16)[None]
        hits = search(self.vectors[modality], query, near, MetricKind.IP, exact=True, threads=1)
        found = [
            Found(items[int(key)], round(1 - float(distance), 4))
            for key, distance in zip(hits.keys.ravel(), hits.distances.ravel(), strict=True)
        ]
        return sorted(found, key=lambda one: (-one.score, one.item.path))[:top]

    def read(self, found: Found, catalog: Catalog) -> Media:
        """The medium itself, as its plugin reads it, with score, caption and source.

        Raises:
            SourceError: the file is gone, or is not the one that was indexed.
            MediaError: no plugin reads it any more.
        """
        item, path = found.item, self.root / found.item.path
        try:
            data = path.read_bytes()
        except OSError as error:
            raise SourceError(str(path), f"was indexed and is gone: {error}", _AGAIN) from error
        if hashlib.sha256(data).hexdigest() != item.sha256:
            raise SourceError(str(path), "has changed since it was indexed", _AGAIN)
        media = read_as(item.modality, Blob(data, path.name), catalog)
        if media is None:
            raise MediaError(str(path), f"no installed plugin reads it as {item.modality}", _AGAIN)
        about = {"score": f"{found.score:.2f}", "caption": item.caption, "source": item.path}
        return replace(media, source=str(path), about=about)

    def needs(self, encoder: str) -> None:
        """Hold its vectors against the encoder that queries are made with.

        Raises:
            SourceError: they were made with other weights.
        """
        if self.encoder != encoder:
            raise SourceError(
                str(self.folder),
                f"was indexed with another text encoder ({self.encoder[:12]}, this is "
                f"{encoder[:12]})",
                _AGAIN,
            )


def read_as(modality: str, blob: Blob, catalog: Catalog) -> Media | None:
    """A blob as its plugin reads it; None where none does."""
    media: Media | None = catalog.hook.nextgpt_read_media(modality=modality, blob=blob)
    return media


def write(folder: Path, *, encoder: str, root: str, items: Iterable[tuple[Item, Array]]) -> Library:
    """A new state of the library in a folder, in place of what is there.

    Raises:
        MediaError: the folder cannot be written to.
    """
    rows = sorted(items, key=lambda row: row[0].path)
    lines = "".join(f"{item.model_dump_json()}\n" for item, _ in rows).encode()
    packed = save({k: _stacked(rows, k) for k in sorted({item.modality for item, _ in rows})})
    names = {
        "items": _named("items", "jsonl", lines),
        "vectors": _named("vectors", "safetensors", packed),
    }
    for name, data in ((names["items"], lines), (names["vectors"], packed)):
        replace_file(folder / name, data)
    about = About(
        format=FORMAT,
        encoder=encoder,
        root=root,
        **names,
        items_sha256=hashlib.sha256(lines).hexdigest(),
        vectors_sha256=hashlib.sha256(packed).hexdigest(),
    )
    replace_file(folder / ABOUT, (about.model_dump_json(indent=1) + "\n").encode())
    # Of a killed process, too: whoever writes a library holds it.
    for pattern in ("items-*.jsonl", "vectors-*.safetensors", ".items-*", ".vectors-*"):
        for old in folder.glob(pattern):
            if old.name not in names.values():
                old.unlink(missing_ok=True)
    return Library.open(folder)


def _named(kind: str, suffix: str, data: bytes) -> str:
    return f"{kind}-{hashlib.sha256(data).hexdigest()[:12]}.{suffix}"


def _stacked(rows: Sequence[tuple[Item, Array]], modality: str) -> Array:
    found = [vector for item, vector in rows if item.modality == modality]
    return np.stack(found).astype(np.float16)


def _checked(path: Path, sha256: str) -> bytes:
    found = sha256_of(path)
    if found != sha256:
        raise ValueError(f"{path.name} is not the file that {ABOUT} names")
    return path.read_bytes()
