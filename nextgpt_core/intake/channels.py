"""Which channels of a system a medium may be for: by name, suffix, MIME type, type of part, size.

Reads nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from nextgpt_core.intake.spelled import FILES, TEXTS
from nextgpt_registry.alternatives import did_you_mean
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.content import check_limit
from nextgpt_registry.errors import MediaError, RequestError
from nextgpt_registry.media import Blob
from nextgpt_registry.paths import local_path, shortened
from nextgpt_registry.specs import Modality

_LONGEST = 4096  # characters: a longer string names no file


class Channels(Mapping[str, str]):
    """Those that take media, and their modalities."""

    def __init__(self, catalog: Catalog, channels: Mapping[str, str]) -> None:
        self._catalog = catalog
        self._modalities = dict(channels)

    def __getitem__(self, channel: str) -> str:
        return self._modalities[channel]

    def __iter__(self) -> Iterator[str]:
        return iter(self._modalities)

    def __len__(self) -> int:
        return len(self._modalities)

    def by_suffix(self, path: Path) -> list[str]:
        """By the content as well where there is no suffix."""
        suffix = path.suffix.lower()
        if not suffix and self._modalities:
            return list(self._modalities)
        fits = [c for c in self._modalities if suffix in self.modality(c).suffixes]
        if not fits:
            raise MediaError(
                str(path),
                f"the suffix {suffix!r} is of no modality that this system takes",
                f"name the channel, as in {next(iter(self._modalities), 'NAME')}={path}; known: "
                + ", ".join(self._known_suffixes()),
            )
        return fits

    def by_promise(self, blob: Blob) -> list[str]:
        """Those that its name or MIME type fits; all, where none is."""
        suffix, mime = Path(blob.name).suffix.lower(), blob.mime.partition(";")[0].strip().lower()
        fits = [
            channel
            for channel in self._modalities
            if (suffix and suffix in self.modality(channel).suffixes)
            or (mime and mime in self.modality(channel).mime)
        ]
        return fits or list(self._modalities)

    def _known_suffixes(self) -> Iterator[str]:
        for channel in self._modalities:
            yield f"{channel} ({' '.join(self.modality(channel).suffixes)})"

    def named(self, name: str) -> str:
        """The channel called `name`, or the one whose modality is."""
        if not isinstance(name, str):  # a `Media` says what its maker wrote
            raise RequestError("media", f"have the modality {name!r}", "give the name of one")
        if name in self._modalities:
            return name
        fits = [channel for channel, modality in self._modalities.items() if modality == name]
        if len(fits) == 1:
            return fits[0]
        if fits:
            raise RequestError(name, f"is taken by {either(fits)}", "name one of them")
        raise RequestError(
            repr(name),
            "is no channel of this system that takes media",
            did_you_mean(name, {*self._modalities, *self._modalities.values()}),
        )

    def of_type(self, kind: str) -> list[str]:
        """The channels that a type of parts may be for.

        Raises:
            RequestError: there are none.
        """
        if kind in FILES:
            return list(self._modalities)
        fits = [
            name
            for name, modality in self._modalities.items()
            if kind in (name, modality, *self.modality(name).part_types)
        ]
        if not fits:
            types = [t for name in self._modalities for t in self.modality(name).part_types]
            known = sorted({*TEXTS, *FILES, *types, *self._modalities})
            raise RequestError(
                f"{shortened(kind)} part",
                "is of no type that this system takes",
                did_you_mean(kind, known),
            )
        return fits

    def refuse_file(self, given: str) -> None:
        """Hold that a text is not the name of a file of media that is there: it is no text then."""
        name = given.strip()
        suffix = Path(name).suffix.lower() if 0 < len(name) <= _LONGEST else ""
        fits = [c for c in self._modalities if suffix and suffix in self.modality(c).suffixes]
        if fits and "\n" not in name and is_there(name):
            raise RequestError(
                "request",
                f"the text {shortened(name)} is the name of a file that is there, and a string is "
                "text",
                f"write Path({name!r}) or ({fits[0]!r}, {name!r}) for the medium, Text({name!r}) "
                "for the text",
            )

    def within(self, channels: Sequence[str], size: int, who: str) -> list[str]:
        """Those of the channels that take so many bytes; one has to."""
        limits = {channel: self.modality(channel).limit("bytes") for channel in channels}
        if limits:
            widest = self.modality(max(limits, key=limits.__getitem__))
            check_limit(widest, "bytes", size, who=who)
        return [channel for channel, most in limits.items() if size <= most]

    def modality(self, channel: str) -> Modality:
        """What its plugin declared."""
        return self._catalog.modality(self._modalities[channel])


def is_there(path: str) -> bool:
    """Whether a file has this name; what cannot be one has none."""
    with contextlib.suppress(MediaError):
        return local_path(path, error=MediaError).exists()
    return False


def either(channels: Sequence[str]) -> str:
    """Their names, for an error."""
    return " or ".join(channels) or "anything"
