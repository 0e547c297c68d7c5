"""Trained parts as the files a config's `weights` name. Knows nothing about runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from nextgpt_registry.aside import replacing
from nextgpt_registry.fetch.cache import sha256_of
from nextgpt_registry.headers import PART
from nextgpt_registry.tensors import save_compact


def export_parts(
    parts: Mapping[str, Mapping[str, Tensor]], folder: Path, *, exact: bool = False
) -> str:
    """Write `<part>.safetensors` for each part into a folder, beside whatever else is there.

    Returns the `weights` of a config that lies in that folder, as YAML. Matrices are stored as
    int8 with scales unless `exact` is set; signal rows always as floats, for there are few.
    """
    folder = folder.expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["weights:"]
    for part, tensors in parts.items():
        path = folder / f"{part}.safetensors"
        if exact:
            whole = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
            with replacing(path) as aside:
                save_file(whole, aside, metadata={PART: part})
        else:
            rows = tuple(tensors) if part == "signals" else ()
            save_compact(tensors, path, exact=rows, metadata={PART: part})
        size = path.stat().st_size
        source = f'"file:{path.name}"'
        lines.append(f"  {part}: {{source: {source}, sha256: {sha256_of(path)}, bytes: {size}}}")
    return "\n".join(lines) + "\n"
