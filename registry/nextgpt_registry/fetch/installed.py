"""Files of installed distributions, by the names that they have in a wheel. Imports nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from itertools import islice
from pathlib import Path

from nextgpt_registry.errors import SourceError
from nextgpt_registry.targets import locate

_MOST = 2000  # files looked at for an error's sake


def installed_path(name: str, path: str) -> Path:
    """The file or folder `path` of a distribution, wherever it is installed, editable or not.

    Raises:
        SourceError: the distribution is not installed, or has no such file.
    """
    who = f"package:{name}/{path}"
    try:
        found = distribution(name)
    except PackageNotFoundError as error:
        fix = f"run `pip install {name}`"
        raise SourceError(who, f"{name} is not installed", fix) from error
    for root in _roots(found, path):
        if (root / path).exists():
            return root / path
    raise SourceError(who, f"{name} {found.version} has no such file", _near(found, path))


def _roots(found: Distribution, path: str) -> Iterator[Path]:
    """The folders that the wheel's top may be: of an editable install, where its package lies."""
    yield Path(str(found.locate_file("")))
    package = locate(path.partition("/")[0])
    for folder in (package and package.submodule_search_locations) or ():
        yield Path(folder).parent


def _near(found: Distribution, path: str) -> str:
    """What there is in its stead."""
    first = path.partition("/")[0]
    there = sorted(
        file.relative_to(root).as_posix()
        for root in set(_roots(found, path))
        for file in islice((root / first).rglob("*"), _MOST)
        if file.is_file() and file.suffix != ".pyc"
    )
    if not there:
        tops = sorted({file.parts[0] for file in found.files or () if len(file.parts) > 1})
        return f"begin the path with one of {', '.join(tops) or 'its packages'}"
    near = difflib.get_close_matches(path, there, n=3, cutoff=0.5) or there[:3]
    return f"did you mean one of {', '.join(near)}? There are {len(there)}"
