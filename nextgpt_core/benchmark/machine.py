"""What figures were taken on, and what else was going on there. Knows no figure."""

from __future__ import annotations

import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import torch


def described(device: torch.device) -> dict[str, Any]:
    """Processor, cores, memory and versions."""
    found: dict[str, Any] = {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "device": str(device),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
    }
    if device.type == "cuda":
        found["device"] = f"{device} ({torch.cuda.get_device_name(device)})"
    return found | {name: version(name) for name in ("torch", "transformers")}


class Others:
    """How busy others kept the processor since this was made."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._before = _busy_s() - _own_s()

    @property
    def cores(self) -> float:
        """How many cores, on average."""
        spent = _busy_s() - _own_s() - self._before
        return round(max(0.0, spent / (time.monotonic() - self._began)), 2)


def _busy_s() -> float:
    """The seconds that all cores were busy since the machine started, a guest's waiting too."""
    times = psutil.cpu_times()._asdict()
    idle = ("idle", "iowait", "guest", "guest_nice", "interrupt", "dpc")  # or counted elsewhere
    return float(sum(spent for kind, spent in times.items() if kind not in idle))


def _own_s() -> float:
    """Those of this process, and of the children that it has waited for."""
    return float(sum(psutil.Process().cpu_times()[:4]))


def _processor() -> str:
    """Its name, where the system tells one."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text("utf-8", "replace").splitlines() if told.is_file() else ()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
