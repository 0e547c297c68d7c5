"""How much memory this process has."""

from __future__ import annotations

import psutil


def resident_bytes() -> int:
    """What is in memory now."""
    return int(psutil.Process().memory_info().rss)
