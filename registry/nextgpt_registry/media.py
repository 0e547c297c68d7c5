"""One piece of media, addressed by its content. Knows nothing about any particular modality."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nextgpt_registry.errors import MediaError


@dataclass(frozen=True, eq=False)
class Media:
    """A medium in memory: what every reader returns, every encoder takes, every decoder makes.

    `data` is an array (anything with `shape`, `dtype` and `tobytes`) or bytes, laid out as the
    modality's plugin documents. `rate` is samples or frames a second, where there is time.
    Two media with the same content have the same `sha256`, whatever file they came from.
    `about` is what its maker tells of it, shown with the medium: `{"source": …, "licence": …}`.
    """

    modality: str
    data: Any
    rate: float | None = None
    source: str = ""
    sha256: str = field(default="")
    about: Mapping[str, str] = field(default_factory=dict)  # no part of its content

    def __post_init__(self) -> None:
        """Fill in the content address where the maker did not."""
        if not isinstance(self.data, bytes | bytearray | memoryview) and not all(
            hasattr(self.data, name) for name in ("shape", "dtype", "tobytes")
        ):
            what = f"its data is a {type(self.data).__name__}"
            raise MediaError(str(self.modality), what, "give an array, or bytes")
        if not self.sha256:
            object.__setattr__(self, "sha256", _digest(self.modality, self.data, self.rate))

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


@dataclass(frozen=True)
class Blob:
    """Undecoded bytes with the name or MIME type they came under; both may lie.

    `guess` says that the modality a reader is asked for is one of several candidates: it then
    declines whatever is not plainly its own (a film to a reader of pictures) instead of stretching.
    """

    data: bytes
    name: str = ""
    mime: str = ""
    guess: bool = False


def _digest(modality: str, data: Any, rate: float | None) -> str:
    digest = hashlib.sha256(f"{modality}|{rate}|".encode())
    if isinstance(data, bytes | bytearray | memoryview):
        digest.update(data)
    else:
        digest.update(f"{tuple(data.shape)}|{data.dtype}|".encode())
        digest.update(data.tobytes())
    return digest.hexdigest()
