"""The decoder: a query in, the nearest real medium out. Makes nothing.

Legend: B batch, T tokens, W width, D the width of an embedding.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn

from nextgpt_registry.catalog import Catalog
from nextgpt_registry.errors import DecodeError, PluginError, SourceError
from nextgpt_registry.fetch.cache import sha256_of
from nextgpt_registry.fetch.sources import fetch
from nextgpt_registry.media import Media
from nextgpt_registry.protocols import DecodeBatch
from nextgpt_registry.targets import resolve
from nextgpt_retrieval.library import ABOUT, Array, Found, Library
from nextgpt_retrieval.options import EXAMPLES, RetrievalOptions
from nextgpt_retrieval.text import CaptionEncoder, as_condition, as_query

_EXAMPLES = 8


class Retrieval(nn.Module):
    """Finds media of one modality."""

    def __init__(self, options: RetrievalOptions, *, modality: str) -> None:
        """Build on the current device; the library is opened when something is looked for."""
        super().__init__()
        self.modality = modality
        self.text = CaptionEncoder()
        self._weights = ""
        self._open: tuple[Hashable, Library] | None = None

    def load(self, paths: Mapping[str, Path]) -> None:
        """Load `text`; its sha256 is what libraries are held against."""
        self.text.load(paths["text"])
        self._weights = sha256_of(paths["text"])

    @torch.no_grad()
    def caption_targets(self, captions: Sequence[str]) -> dict[str, Tensor]:
        """B captions -> {"query": (B, T, W)}."""
        return {"query": as_condition(self.text(captions))}

    def batch_key(self, options: RetrievalOptions) -> Hashable:
        """Any with the same options."""
        return options

    @torch.no_grad()
    def decode(self, batch: DecodeBatch) -> list[Media]:
        """{"query": (B, T, W)} -> B media of the library, one step each.

        Raises:
            SourceError: there is no library, or it is stale.
            DecodeError: nothing in it is near enough.
        """
        queries = as_query(batch.conditions["query"]).cpu().numpy()
        find = self._finder(batch.options)
        made = []
        for n, (query, generator) in enumerate(zip(queries, batch.generators, strict=True)):
            batch.on_step(n, len(batch))
            made.append(find(query, generator))
        batch.on_step(len(batch), len(batch))
        return made

    def _finder(self, options: RetrievalOptions) -> Callable[[Array, Generator], Media]:
        if options.library == EXAMPLES:
            return partial(self._example, self._examples(), options)
        return partial(self._find, self._library(options.library), options)

    def _find(
        self, library: Library, options: RetrievalOptions, query: Array, generator: Generator
    ) -> Media:
        found = library.search(query, self.modality, top=options.top)
        near = [one for one in found if one.score >= options.minimum_score]
        if not near:
            raise _too_far(found[0], options)
        return library.read(near[_drawn(len(near), generator)], plugins(self.modality))

    def _example(
        self,
        examples: Sequence[tuple[Media, Array]],
        options: RetrievalOptions,
        query: Array,
        generator: Generator,
    ) -> Media:
        scores = np.stack([vector for _, vector in examples]) @ query
        best = np.argsort(-scores, kind="stable")[: options.top]
        return examples[int(best[_drawn(len(best), generator)])][0]

    def _examples(self) -> list[tuple[Media, Array]]:
        """The first samples of the modality, under captions that tell them apart."""
        declared = plugins(self.modality).modality(self.modality).sample
        if declared is None:
            what = f"the modality {self.modality} declares no `sample`"
            raise SourceError(f"library {EXAMPLES}", what, "give a library of your own")
        make = resolve(declared)
        captions = self.text([f"example {n}" for n in range(_EXAMPLES)]).cpu().numpy()
        return [(make(n), vector) for n, vector in enumerate(captions)]

    def _library(self, name: str) -> Library:
        """The library of the options, opened anew when it has been indexed anew."""
        if not name:
            raise SourceError(
                "retrieval",
                "no library is given",
                "set the decoder's option `library` to a folder of `nextgpt retrieval index`",
            )
        if name.startswith("package:"):
            folder = fetch(name, sha256=None)
        else:
            folder = Path(name.removeprefix("file:")).expanduser().absolute()
        about = folder / ABOUT
        key = (folder, about.stat().st_mtime_ns if about.is_file() else 0)
        if self._open is None or self._open[0] != key:
            library = Library.open(folder)
            library.needs(self._weights)
            self._open = (key, library)
        return self._open[1]


@cache
def plugins(modality: str) -> Catalog:
    """What reads a modality: the plugin that is called like it, or else all that are installed."""
    with contextlib.suppress(PluginError):
        named = Catalog.discover([modality])
        if modality in named.modalities:
            return named
    return Catalog.discover()


def _drawn(count: int, generator: Generator) -> int:
    """Which of so many; the generator is not touched where there is no choice."""
    return int(torch.randint(count, (), generator=generator)) if count > 1 else 0


def _too_far(best: Found, options: RetrievalOptions) -> DecodeError:
    return DecodeError(
        "retrieval",
        f"nothing in the library is near enough: the best, {best.item.caption!r}, scores "
        f"{best.score:.2f}, wanted {options.minimum_score:.2f}",
        "index more media, or lower `minimum_score`",
    )


image: Callable[[Any], Retrieval] = partial(Retrieval, modality="image")
audio: Callable[[Any], Retrieval] = partial(Retrieval, modality="audio")
video: Callable[[Any], Retrieval] = partial(Retrieval, modality="video")
