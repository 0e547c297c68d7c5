"""Which extra of which installed distribution of ours names a module that is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import distributions

_NAMED_OTHERWISE = {"pil": "pillow", "yaml": "pyyaml"}


def how_to_install(module: str, *, who: str = "") -> str:
    """The command that installs it: the extra that names it, where there is one.

    `who` is a module or target that needs it, or names its distribution, whose extra comes first.
    """
    own = _plain(found[0]) if (found := re.search(r"nextgpt[-_]\w+", who)) else ""
    wanted = module.partition(".")[0]
    wanted = _plain(_NAMED_OTHERWISE.get(wanted.lower(), wanted))
    for name, extra, required in sorted(_extras(), key=lambda one: (_plain(one[0]) != own, one)):
        if required == wanted:
            return f"pip install '{name}[{extra}]'"
    return f"install it: pip install {wanted}"


def _extras() -> Iterator[tuple[str, str, str]]:
    """(distribution, extra, what it requires) of everything of ours that is installed."""
    from packaging.requirements import Requirement  # only where something is missing

    for dist in distributions():
        name = dist.name or ""
        if not name.startswith("nextgpt"):
            continue
        for line in dist.requires or ():
            needed = Requirement(line)
            for extra in re.findall(r"extra == ['\"]([^'\"]+)['\"]", str(needed.marker or "")):
                yield name, extra, _plain(needed.name)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
