"""Media from paths, bytes, data URLs and objects, and back to files. Decodes nothing itself.

Which modality a file has is said (`NAME=PATH`), or its suffix says it; where several modalities
share the suffix, each one's reader looks at the content and may decline. Objects of Python programs
are their plugins' to adopt.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nextgpt_core.answer import GeneratedMedia
from nextgpt_core.intake.channels import Channels, either, is_there
from nextgpt_core.intake.hooks import adopt_media, check_media, read_media, write_media
from nextgpt_core.intake.sources import (
    contents,
    data_url,
    file_size,
    is_address,
    is_data_url,
    is_open,
    local,
    open_size,
)
from nextgpt_registry.arrays import rate_of
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.content import describe
from nextgpt_registry.errors import MediaError, RequestError
from nextgpt_registry.media import Blob, Media
from nextgpt_registry.messages import MediaPart
from nextgpt_registry.paths import local_path

HeldMedia = Media | GeneratedMedia | MediaPart
"""A medium, alone or in a part of an answer or a message."""

_KNOWN = "give text, a Path or (NAME, content)"


class MediaReader:
    """Reads for one system: `channels` maps the channels that take media to their modalities."""

    def __init__(self, catalog: Catalog, channels: Mapping[str, str]) -> None:
        self._catalog = catalog
        self._channels = Channels(catalog, channels)

    def argument(self, text: str) -> MediaPart:
        """A command line's `[NAME=]PATH`. A file whose name has a '=' wins over the reading.

        In place of a path there may be a data URL, or the URL of a file.
        """
        if is_data_url(text):
            return self.blob(data_url(text))
        name, equals, path = text.partition("=")
        if equals and not is_address(text) and not is_there(text):
            return self._named(name, path)
        return self.path(local(text))

    def path(self, given: os.PathLike[Any], name: str | None = None) -> MediaPart:
        """The medium in a file, held against the limit of bytes before it is read."""
        who, path = str(given), local_path(given, who="medium", error=MediaError)
        size = file_size(path, who)
        channels = [self._channels.named(name)] if name else self._channels.by_suffix(path)
        channels = self._channels.within(channels, size, who)
        blob = Blob(contents(path, size, who), name=path.name)
        return self._decode(blob, channels, who)

    def blob(self, blob: Blob, name: str | None = None) -> MediaPart:
        """The medium in bytes: of the channel named, or of one that its name or MIME type fits."""
        who = blob.name or f"{len(blob.data)} bytes"
        channels = [self._channels.named(name)] if name else self._channels.by_promise(blob)
        return self._decode(blob, self._channels.within(channels, len(blob.data), who), who)

    def write(self, media: HeldMedia, stem: Path) -> Path:
        """Write a medium to `stem` plus its suffix.

        Raises:
            MediaError: no plugin can write it.
        """
        own = media.media if isinstance(media, GeneratedMedia | MediaPart) else media
        if not isinstance(own, Media):
            raise MediaError(str(stem), f"is to hold a {type(own).__name__}", "give a Media")
        stem = local_path(stem, who="stem", error=MediaError)
        if stem.name in ("", ".."):
            raise MediaError(str(stem), "names no file", "give a folder and the start of a name")
        return write_media(self._catalog, own, stem)

    def _named(self, name: str, content: Any) -> MediaPart:
        channel = self._channels.named(name)
        match content:
            case Media():
                return self._known(MediaPart(channel, content))
            case os.PathLike():
                return self.path(content, name)
            case str() if is_data_url(content):
                self._channels.within([channel], len(content) // 3, "data URL")
                return self.blob(data_url(content), name)
            case str():
                return self.path(local(content), name)
            case bytes() | bytearray() | memoryview() | io.BytesIO():
                return self._bytes(content, name)
        if is_open(content):
            return self._open(content, name)
        adopted = adopt_media(self._catalog, self._channels[channel], content, guess=False)
        if adopted is not None:
            return MediaPart(channel, adopted)
        match content:
            case (array, rate) if hasattr(array, "tobytes") and rate_of(rate) is not None:
                return self._checked(channel, array, rate_of(rate))
            case array if hasattr(array, "tobytes") and hasattr(array, "dtype"):
                return self._checked(channel, array, None)
        raise RequestError(
            f"{name} part",
            f"its content is a {type(content).__name__}",
            "give a path, an open file, bytes, a data URL, an array or (array, rate)",
        )

    def _bytes(self, given: Any, name: str | None = None) -> MediaPart:
        """The medium in bytes, of which no more are copied than a channel takes."""
        view = given.getbuffer() if isinstance(given, io.BytesIO) else memoryview(given)
        channels = [self._channels.named(name)] if name else list(self._channels)
        self._channels.within(channels, view.nbytes, f"{view.nbytes} bytes")
        return self.blob(Blob(bytes(view)), name)

    def _open(self, file: Any, name: str | None = None) -> MediaPart:
        """The medium in an open file, however far it was read; none larger than a channel takes."""
        who, size = open_size(file)
        channels = [self._channels.named(name)] if name else list(self._channels)
        self._channels.within(channels, size, who)
        return self.blob(Blob(file.read(size), name=Path(who).name), name)

    def _adopted(self, value: Any, channels: Sequence[str] = ()) -> MediaPart:
        """An object that a plugin makes a medium of; of one of `channels`, if they are given."""
        among = channels or list(self._channels)
        modalities = list(dict.fromkeys(self._channels[channel] for channel in among))
        guess = not channels or len(modalities) > 1
        found = {
            modality: media
            for modality in modalities
            if (media := adopt_media(self._catalog, modality, value, guess=guess)) is not None
        }
        fits = [channel for channel in among if self._channels[channel] in found]
        if len(fits) == 1:
            return MediaPart(fits[0], found[self._channels[fits[0]]])
        what = f"a part is {_described(value)}"
        if fits:
            pairs = " or ".join(f"({name!r}, …)" for name in fits)
            raise RequestError("request", f"{what}, which may be meant for {either(fits)}", pairs)
        names = " or ".join(f"({name!r}, …)" for name in among)
        fix = f"say what it is: {names}" if hasattr(value, "shape") and among else _KNOWN
        raise RequestError("request", what, fix)

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
            raise MediaError(who, f"may be meant for {either(fits)}", _say_which(fits, who))
        if refused:
            raise refused[0]
        raise MediaError(
            who,
            f"is {describe(blob.data)}, which is not read as {either(channels)}",
            f"this system takes: {', '.join(self._channels)}",
        )

    def _known(self, part: MediaPart) -> MediaPart:
        wanted = self._channels[self._channels.named(part.channel)]
        if not isinstance(part.media, Media) or part.media.modality != wanted:
            held = part.media
            found = held.modality if isinstance(held, Media) else f"a {type(held).__name__}"
            fix = f"give a Media of {wanted}; anything else as ({part.channel!r}, content)"
            raise RequestError(f"{part.channel} part", f"holds {found}", fix)
        media = check_media(self._catalog, part.media)
        return MediaPart(self._channels.named(part.channel), media, part.caption)


def _described(value: Any) -> str:
    """What an object is; of an array also its shape, by which it may or may not be told."""
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    name = type(value).__name__
    return f"a {name}" if shape is None else f"a {name} of {dtype} and shape {tuple(shape)}"


def _say_which(channels: Sequence[str], who: str) -> str:
    return "say which: " + " or ".join(f"{channel}={who}" for channel in channels)
