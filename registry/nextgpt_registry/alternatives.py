"""What would have been valid: the second half of a good error. Does not know what is named."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`did you mean 'x'? known: x, y, z`; says so where nothing is known at all."""
    names = sorted(set(known))
    if not names:
        return "there is none"
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    shown = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    return (f"did you mean {near[0]!r}? " if near else "") + f"known: {shown}"
