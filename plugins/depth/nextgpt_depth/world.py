"""The library that scenes are rendered from. For data only."""

from __future__ import annotations

from pathlib import Path

from nextgpt_mini.world.library import Library
from nextgpt_mini.world.prepare import library_path


def find_library(name: str = "") -> Library:
    """The prepared one, `samples`, or a file.

    Raises:
        SourceError: it is not there.
    """
    if name == "samples":
        return Library.samples()
    return Library.load(Path(name) if name else library_path())
