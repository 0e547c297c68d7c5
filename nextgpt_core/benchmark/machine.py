"""What a figure was taken on. Measures nothing."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import torch


def described(device: torch.device) -> dict[str, Any]:
    """Processor, cores, memory and versions; `load` is how many processes were running before."""
    found: dict[str, Any] = {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "load": round(psutil.getloadavg()[0], 1),
        "device": str(device),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
    }
    if device.type == "cuda":
        found["device"] = f"{device} ({torch.cuda.get_device_name(device)})"
    return found | {name: version(name) for name in ("torch", "transformers")}


def _processor() -> str:
    """Its name, where the system tells one."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text("utf-8", "replace").splitlines() if told.is_file() else ()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
