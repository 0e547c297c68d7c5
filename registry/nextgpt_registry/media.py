"""One piece of media, addressed by its content. Knows nothing about any particular modality."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from nextgpt_registry.errors import MediaError


@dataclass(frozen=True, eq=False)
class Media:
    """A medium in memory: what every reader returns, every encoder takes, every decoder makes.

    `data` is an array (anything with `shape`, `dtype` and `tobytes`) or bytes, laid out as the
    modality's plugin documents. `rate` is samples or frames a second, where there is time.
    Two media with the same content have the same `sha256`, whatever file they came from; it is
    taken when it is first asked for.
    `about` is what its maker tells of it, shown with the medium: `{"source": …, "licence": …}`.

    A medium that a system read or made can be saved and shown: it knows the system's plugins.
    """

    modality: str
    data: Any
    rate: float | None = None
    source: str = ""
    sha256: str = field(default="")
    about: Mapping[str, str] = field(default_factory=dict)  # no part of its content

    def __post_init__(self) -> None:
        """Hold that there is something to address."""
        if not isinstance(self.data, bytes | bytearray | memoryview) and not all(
            hasattr(self.data, name) for name in ("shape", "dtype", "tobytes")
        ):
            what = f"its data is a {type(self.data).__name__}"
            raise MediaError(str(self.modality), what, "give an array, or bytes")

    def __eq__(self, other: object) -> bool:
        """Equal content, equal media."""
        return isinstance(other, Media) and other.sha256 == self.sha256

    def __hash__(self) -> int:
        """The content's hash."""
        return hash(self.sha256)

    def __repr__(self) -> str:
        """Short: the data itself never prints."""
        shape = getattr(self.data, "shape", None) or f"{len(self.data)} bytes"
        return f"Media({self.modality}, {shape}, rate={self.rate}, {self.sha256[:12]})"

    def __getstate__(self) -> dict[str, Any]:
        """What another process is sent: not the plugins of this one."""
        return {name: value for name, value in vars(self).items() if name != "_plugins"}

    @property
    def plugins(self) -> MediaPlugins | None:
        """The system's plugins that read or made it; None for one that a program put together."""
        return vars(self).get("_plugins")

    def attach(self, plugins: MediaPlugins) -> None:
        """Let it be saved and shown by these plugins."""
        vars(self)["_plugins"] = plugins

    def save(self, path: str | Path) -> Path:
        """Write it in the format that the suffix of `path` says; returns the path.

        Raises:
            MediaError: its plugin writes no such format, or not there.
        """
        if self.plugins is None:
            raise MediaError(
                str(self.modality),
                "was read or made by no system, so that no plugin is known that writes it",
                "write it with Pipeline.write(media, stem), or read it with Pipeline.read",
            )
        return self.plugins.save(self, path)

    def show(self) -> None:
        """Show it: in the notebook this runs in, else in a web browser.

        Raises:
            MediaError: no plugin shows it.
        """
        if self.plugins is None:
            raise MediaError(
                str(self.modality),
                "was read or made by no system, so that no plugin is known that shows it",
                "read it with Pipeline.read((NAME, media))",
            )
        self.plugins.show(self)

    def _repr_html_(self) -> str | None:
        return self.plugins.html(self) if self.plugins else None

    def _repr_png_(self) -> bytes | None:
        return self.plugins.png(self) if self.plugins else None


class MediaPlugins(Protocol):
    """The plugins of a system, as far as a medium needs them. The core has it."""

    def save(self, media: Media, path: str | Path) -> Path:
        """Write it in the format that the suffix says."""
        ...

    def show(self, media: Media) -> None:
        """Show it to whoever runs this."""
        ...

    def html(self, media: Media) -> str | None:
        """An HTML fragment; None where no plugin shows it."""
        ...

    def png(self, media: Media) -> bytes | None:
        """A PNG file; None where its plugin writes none."""
        ...


class _Address:
    """`Media.sha256`, found when it is first asked for.

    Not earlier: what is too large, or no medium at all, is refused before anyone reads through it.
    """

    def __get__(self, media: Media, owner: type) -> str:
        own = vars(media)
        if not own["sha256"]:
            own["sha256"] = _digest(media.modality, media.data, media.rate)
        return str(own["sha256"])

    def __set__(self, media: Media, value: str) -> None:
        vars(media)["sha256"] = value  # by the constructor alone: the class is frozen


Media.sha256 = _Address()  # type: ignore[assignment]


@dataclass(frozen=True)
class Blob:
    """Undecoded bytes with the name or MIME type they came under; both may lie.

    `guess` says that the modality a reader is asked for is one of several candidates: it then
    declines whatever is not plainly its own (a video to a reader of pictures) and stretches none.
    """

    data: bytes
    name: str = ""
    mime: str = ""
    guess: bool = False


def _digest(modality: str, data: Any, rate: float | None) -> str:
    digest = hashlib.sha256(f"{modality}|{rate}|".encode())
    if not isinstance(data, bytes | bytearray | memoryview):
        digest.update(f"{tuple(data.shape)}|{data.dtype}|".encode())
    digest.update(_flat(data))
    return digest.hexdigest()


def _flat(data: Any) -> Any:
    """The bytes of an array in C order, without a copy where that is how they lie."""
    try:
        view = memoryview(data)
        if view.c_contiguous:
            return view.cast("B")
    except (TypeError, ValueError, BufferError):
        pass  # a dtype that the buffer protocol has no name for, or no elements
    return data.tobytes()
