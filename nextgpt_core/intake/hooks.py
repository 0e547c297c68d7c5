"""The plugins' hooks for media, asked so that whatever goes wrong is put to the right account.

A hook's `MediaError` is about the medium and passes; anything else that it raises, or returns, is
the fault of the plugin that declares the modality. Knows no modality.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from nextgpt_core.display import display
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.errors import MediaError, NextGPTError, PluginError
from nextgpt_registry.media import Blob, Media
from nextgpt_registry.messages import MediaPart, Message, Part
from nextgpt_registry.paths import local_path
from nextgpt_registry.targets import place

_MaybeMedia = TypeVar("_MaybeMedia", Media, Media | None)

_REPORT = "report it to the plugin's author"


def read_media(catalog: Catalog, modality: str, blob: Blob) -> Media | None:
    """The medium in `blob`; None where its plugin declines it.

    Raises:
        MediaError: it is damaged, or over a limit.
        PluginError: its plugin failed.
    """
    with _blamed(catalog, modality, "nextgpt_read_media"):
        found = catalog.hook.nextgpt_read_media(modality=modality, blob=blob)
    return _noted(catalog, _ours(catalog, modality, "nextgpt_read_media", found))


def adopt_media(catalog: Catalog, modality: str, value: Any, *, guess: bool) -> Media | None:
    """The medium that an object of a Python program is; None where it is none of this modality.

    Raises:
        MediaError: it is one, and out of range or over a limit.
        PluginError: its plugin failed.
    """
    with _blamed(catalog, modality, "nextgpt_adopt_media"):
        found = catalog.hook.nextgpt_adopt_media(modality=modality, value=value, guess=guess)
    return _noted(catalog, _ours(catalog, modality, "nextgpt_adopt_media", found))


def check_media(catalog: Catalog, media: Media) -> Media:
    """A medium that was not read from a file, as its modality's reader would have made it.

    What a plugin does not check is believed. Nothing reads through the whole of a medium before
    its limits were looked at.

    Raises:
        MediaError: it is not laid out as its modality documents, or over a limit.
        PluginError: its plugin failed.
    """
    if isinstance(media.plugins, Plugins) and media.plugins.catalog is catalog:
        return media  # read or checked by these plugins: neither is done twice, nor copied again
    modality = media.modality
    with _blamed(catalog, modality, "nextgpt_check_media"):
        found = catalog.hook.nextgpt_check_media(media=media)
    checked = _ours(catalog, modality, "nextgpt_check_media", found)
    if checked is None:
        return _noted(catalog, media)
    own = Media(modality, checked.data, checked.rate, checked.source, about=media.about)
    return _noted(catalog, own)


def check_messages(catalog: Catalog, messages: Sequence[Message]) -> tuple[Message, ...]:
    """A conversation whose media are as `check_media` makes them.

    Raises:
        MediaError: one of them does not fit.
    """

    def checked(part: Part) -> Part:
        if isinstance(part, MediaPart) and part.media is not None:
            return replace(part, media=check_media(catalog, part.media))
        return part

    return tuple(
        replace(message, parts=tuple(map(checked, message.parts))) if message.media else message
        for message in messages
    )


def write_media(catalog: Catalog, media: Media, stem: Path, suffix: str = "") -> Path:
    """Write a medium to `stem` plus a suffix that its modality `writes`, by default the usual one.

    Raises:
        MediaError: no plugin can write it, or not there.
        PluginError: its plugin failed.
    """
    declared = catalog.modalities.get(media.modality)
    written = declared.written if declared else ()
    if suffix and declared and suffix not in written:
        formats = ", ".join(written)
        raise MediaError(
            f"{stem}{suffix}", f"{media.modality} is not written as {suffix!r}", f"one of {formats}"
        )
    suffix = suffix or next(iter(written), "")
    with _blamed(catalog, media.modality, "nextgpt_write_media"):
        path: Path | None = catalog.hook.nextgpt_write_media(media=media, stem=stem, suffix=suffix)
    if path is None:
        raise MediaError(str(stem), f"no loaded plugin writes {media.modality}", "")
    return path


def show_media(catalog: Catalog, media: Media) -> str | None:
    """HTML that shows a medium; None where no plugin does.

    Raises:
        PluginError: its plugin failed.
    """
    with _blamed(catalog, media.modality, "nextgpt_show_media"):
        shown: str | None = catalog.hook.nextgpt_show_media(media=media)
    return shown


@dataclass(frozen=True, eq=False)
class Plugins:
    """What a medium asks of the plugins that read or made it: `media.MediaPlugins`."""

    catalog: Catalog

    def save(self, media: Media, path: str | Path) -> Path:
        """Write it in the format that the suffix says; returns the path.

        Raises:
            MediaError: its plugin writes no such format, or not there.
        """
        where = local_path(path, who="path", error=MediaError)
        if not where.suffix:
            raise MediaError(str(path), "has no suffix, which says the format", "give it one")
        written = write_media(
            self.catalog, media, where.with_name(where.stem), where.suffix.lower()
        )
        return written if written == where else written.replace(where)  # as it was spelled

    def show(self, media: Media) -> None:
        """In the notebook this runs in, else in a web browser."""
        display(media)

    def html(self, media: Media) -> str | None:
        """An HTML fragment; None where no plugin shows it."""
        return show_media(self.catalog, media)

    def png(self, media: Media) -> bytes | None:
        """A PNG file; None where its plugin writes none."""
        if ".png" not in self.catalog.modality(media.modality).written:
            return None
        with TemporaryDirectory() as folder:
            return write_media(self.catalog, media, Path(folder) / "a", ".png").read_bytes()


@contextmanager
def _blamed(catalog: Catalog, modality: str, hook: str) -> Iterator[None]:
    try:
        yield
    except NextGPTError:
        raise
    except (Exception, SystemExit) as error:  # a plugin's code: anything may come out of it
        where = place(error, *(plugin.package for plugin in catalog.plugins))
        what = f"{hook} failed: {type(error).__name__}: {error}{where}"
        raise PluginError(_owner(catalog, modality), what, _REPORT) from error


def _noted(catalog: Catalog, media: _MaybeMedia) -> _MaybeMedia:
    if media is not None:
        media.attach(Plugins(catalog))
    return media


def _ours(catalog: Catalog, modality: str, hook: str, found: object) -> Media | None:
    if found is None or (isinstance(found, Media) and found.modality == modality):
        return found
    what = found.modality if isinstance(found, Media) else f"a {type(found).__name__}"
    raise PluginError(
        _owner(catalog, modality), f"{hook} returned {what}, wanted {modality}", _REPORT
    )


def _owner(catalog: Catalog, modality: str) -> str:
    """`plugin/modality`, or the modality alone where no plugin declares it."""
    declared = catalog.modalities.get(modality)
    return f"{catalog.owner(declared).name}/{modality}" if declared else str(modality)
