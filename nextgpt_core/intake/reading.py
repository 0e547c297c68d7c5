"""Media from paths, bytes, data URLs and arrays, and back to files. Decodes nothing itself.

Which modality a file has is said (`NAME=PATH`), or its suffix says it; where several modalities
share the suffix, each one's reader looks at the content and may decline.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from nextgpt_core.intake.arguments import listed, text
from nextgpt_core.intake.hooks import check_media, read_media, write_media
from nextgpt_core.intake.sources import (
    as_rate,
    contents,
    data_url,
    file_size,
    is_address,
    is_data_url,
    local,
)
from nextgpt_registry.alternatives import did_you_mean
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.content import check_limit, describe
from nextgpt_registry.errors import MediaError, RequestError
from nextgpt_registry.media import Blob, Media
from nextgpt_registry.messages import MediaPart, Part
from nextgpt_registry.paths import local_path
from nextgpt_registry.plan import Plan

GivenPart = str | Path | Media | MediaPart | tuple[str, Any]
"""Text, or a medium: a path, a `Media`, or a channel's name with a path, bytes, data URL or array.

A plain string is always text, even if it looks like a path or an address.
"""


class Reader:
    """Reads for one system: `channels` maps the channels that take media to their modalities."""

    def __init__(self, catalog: Catalog, channels: Mapping[str, str]) -> None:
        self._catalog = catalog
        self._channels = dict(channels)

    @classmethod
    def of_plan(cls, plan: Plan, catalog: Catalog) -> Self:
        """The reader of a system, which need not be live."""
        return cls(catalog, {n: c.modality.name for n, c in plan.channels.items() if c.encoder})

    def parts(self, given: GivenPart | Sequence[GivenPart]) -> tuple[Part, ...]:
        """A user's turn; a lone string is one text, a lone path or `Media` one medium.

        Raises:
            MediaError: a medium cannot be read.
            RequestError: no channel takes it.
        """
        if isinstance(given, str | Path | Media | MediaPart):
            return (self.part(given),)
        found = listed(given, "request", "give text, a Path, or a list of them and (NAME, content)")
        if isinstance(given, tuple) and len(found) == 2 and self._is_name(found[0]):
            name = found[0]
            what = f"is the pair ({name!r}, …): a medium, or the text {name!r} and another part"
            raise RequestError("request", what, f"write [({name!r}, …)], or [{name!r}, …]")
        return tuple(self.part(one) for one in found)

    def part(self, given: GivenPart) -> Part:
        """One part; see `GivenPart`."""
        match given:
            case str():
                return text(given)
            case Path():
                return self.path(given)
            case Media():
                return self._known(MediaPart(self._channel(given.modality), given))
            case MediaPart():
                return self._known(given)
            case (str() as name, content):
                return self._named(name, content)
        raise RequestError(
            "request", f"a part is a {type(given).__name__}", "give text, a Path or (NAME, content)"
        )

    def medium(self, given: GivenPart) -> MediaPart:
        """A part that is a medium; a string is a path, a data URL or the URL of a file."""
        if isinstance(given, str):
            return self.argument(given)
        found = self.part(given)
        assert isinstance(found, MediaPart)
        return found

    def argument(self, text: str) -> MediaPart:
        """A command line's `[NAME=]PATH`. A file whose name has a '=' wins over the reading.

        In place of a path there may be a data URL, or the URL of a file.
        """
        if is_data_url(text):
            return self.blob(data_url(text))
        name, equals, path = text.partition("=")
        if equals and not is_address(text) and not _is_there(text):
            return self._named(name, path)
        return self.path(local(text))

    def path(self, path: Path, name: str | None = None) -> MediaPart:
        """The medium in a file, held against the limit of bytes before it is read."""
        who, path = str(path), local_path(path, who="medium", error=MediaError)
        size = file_size(path, who)
        channels = [self._channel(name)] if name else self._by_suffix(path)
        channels = self._within(channels, size, who)
        blob = Blob(contents(path, size, who), name=path.name)
        return self._decode(blob, channels, who)

    def blob(self, blob: Blob, name: str | None = None) -> MediaPart:
        """The medium in bytes: of the channel named, or of one that its name or MIME type fits."""
        who = blob.name or f"{len(blob.data)} bytes"
        channels = [self._channel(name)] if name else self._by_promise(blob)
        return self._decode(blob, self._within(channels, len(blob.data), who), who)

    def write(self, media: Media, stem: Path) -> Path:
        """Write a medium to `stem` plus its suffix.

        Raises:
            MediaError: no plugin can write it.
        """
        if not isinstance(media, Media):
            raise MediaError(str(stem), f"is to hold a {type(media).__name__}", "give a Media")
        stem = local_path(stem, who="stem", error=MediaError)
        if stem.name in ("", ".."):
            raise MediaError(str(stem), "names no file", "give a folder and the start of a name")
        return write_media(self._catalog, media, stem)

    def _named(self, name: str, content: Any) -> MediaPart:
        channel = self._channel(name)
        match content:
            case Media():
                return self._known(MediaPart(channel, content))
            case Path():
                return self.path(content, name)
            case str() if is_data_url(content):
                self._within([channel], len(content) // 3, "data URL")  # %xx is the longest byte
                return self.blob(data_url(content), name)
            case str():
                return self.path(local(content), name)
            case bytes() | bytearray() | memoryview():
                size = memoryview(content).nbytes
                self._within([channel], size, f"{size} bytes")  # before they are copied
                return self.blob(Blob(bytes(content)), name)
            case (array, said) if hasattr(array, "tobytes") and as_rate(said) is not None:
                return self._checked(channel, array, as_rate(said))
            case array if hasattr(array, "tobytes") and hasattr(array, "dtype"):
                return self._checked(channel, array, None)
        raise RequestError(
            f"{name} part",
            f"its content is a {type(content).__name__}",
            "give a path, bytes, a data URL, an array or (array, rate)",
        )

    def _checked(self, channel: str, array: Any, rate: float | None) -> MediaPart:
        """The medium of an array, held to the layout that its modality's plugin documents."""
        made = Media(self._channels[channel], array, rate=rate)
        return MediaPart(channel, check_media(self._catalog, made))

    def _decode(self, blob: Blob, channels: Sequence[str], who: str) -> MediaPart:
        """Ask the reader of each candidate modality; one must take it."""
        modalities = list(dict.fromkeys(self._channels[channel] for channel in channels))
        blob = replace(blob, guess=len(modalities) > 1)
        found: dict[str, Media] = {}
        refused: list[MediaError] = []
        for modality in modalities:
            try:
                media = read_media(self._catalog, modality, blob)
            except MediaError as error:
                refused.append(error)
                continue
            if media is not None:
                found[modality] = media
        fits = [channel for channel in channels if self._channels[channel] in found]
        if len(fits) == 1:
            return MediaPart(fits[0], found[self._channels[fits[0]]])
        if fits:
            raise MediaError(who, f"may be meant for {_either(fits)}", _say_which(fits, who))
        if refused:
            raise refused[0]
        raise MediaError(
            who,
            f"is {describe(blob.data)}, which is not read as {_either(channels)}",
            f"this system takes: {', '.join(self._channels)}",
        )

    def _by_suffix(self, path: Path) -> list[str]:
        """By the content as well where there is no suffix."""
        suffix = path.suffix.lower()
        if not suffix and self._channels:
            return list(self._channels)
        fits = [c for c in self._channels if suffix in self._modality(c).suffixes]
        if not fits:
            raise MediaError(
                str(path),
                f"the suffix {suffix!r} is of no modality that this system takes",
                f"name the channel, as in {next(iter(self._channels), 'NAME')}={path}; known: "
                + ", ".join(self._known_suffixes()),
            )
        return fits

    def _by_promise(self, blob: Blob) -> list[str]:
        suffix, mime = Path(blob.name).suffix.lower(), blob.mime.partition(";")[0].strip().lower()
        fits = [
            channel
            for channel in self._channels
            if (suffix and suffix in self._modality(channel).suffixes)
            or (mime and mime in self._modality(channel).mime)
        ]
        return fits or list(self._channels)

    def _known_suffixes(self) -> Iterator[str]:
        for channel in self._channels:
            yield f"{channel} ({' '.join(self._modality(channel).suffixes)})"

    def _channel(self, name: str) -> str:
        """The channel called `name`, or the one whose modality is."""
        if not isinstance(name, str):  # a `Media` says what its maker wrote
            raise RequestError("media", f"have the modality {name!r}", "give the name of one")
        if name in self._channels:
            return name
        fits = [channel for channel, modality in self._channels.items() if modality == name]
        if len(fits) == 1:
            return fits[0]
        if fits:
            raise RequestError(name, f"is taken by {_either(fits)}", "name one of them")
        raise RequestError(
            repr(name),
            "is no channel of this system that takes media",
            did_you_mean(name, {*self._channels, *self._channels.values()}),
        )

    def _is_name(self, given: object) -> bool:
        return isinstance(given, str) and given in {*self._channels, *self._channels.values()}

    def _known(self, part: MediaPart) -> MediaPart:
        wanted = self._channels[self._channel(part.channel)]
        if not isinstance(part.media, Media) or part.media.modality != wanted:
            held = part.media
            found = held.modality if isinstance(held, Media) else f"a {type(held).__name__}"
            raise RequestError(f"{part.channel} part", f"holds {found}", f"give {wanted}")
        media = check_media(self._catalog, part.media)
        return MediaPart(self._channel(part.channel), media, part.caption)

    def _within(self, channels: Sequence[str], size: int, who: str) -> list[str]:
        """Those of the channels that take so many bytes; one has to."""
        limits = {channel: self._modality(channel).limit("bytes") for channel in channels}
        if limits:
            widest = self._modality(max(limits, key=limits.__getitem__))
            check_limit(widest, "bytes", size, who=who)
        return [channel for channel, most in limits.items() if size <= most]

    def _modality(self, channel: str) -> Any:
        return self._catalog.modality(self._channels[channel])


def _is_there(path: str) -> bool:
    """Whether a file has this name; what cannot be one has none."""
    with contextlib.suppress(MediaError):
        return local_path(path, error=MediaError).exists()
    return False


def _either(channels: Sequence[str]) -> str:
    return " or ".join(channels) or "anything"


def _say_which(channels: Sequence[str], who: str) -> str:
    return "say which: " + " or ".join(f"{channel}={who}" for channel in channels)
