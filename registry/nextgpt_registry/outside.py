"""A plugin's declaration as a process of its own finds it, and what importing it costs there.

Here it could cost nothing: another plugin, or whoever calls, may have imported what it needs.
Judges nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

from nextgpt_registry.errors import PluginError
from nextgpt_registry.loading import HEAVY

IMPORT_S = 0.05
"""The most of the processor's time that importing a declaration may take, beyond the registry."""

_TRIES = 3
_LIMIT_S = 300
_ASK = """
import json, sys, time
sys.path[:] = json.loads(sys.argv[1])
import nextgpt_registry.plan  # what every host has imported by then
from nextgpt_registry.entrypoints import installed
from nextgpt_registry.hookspecs import ENTRY_POINTS
from nextgpt_registry.loading import import_plugin
from nextgpt_registry.targets import options_model, resolve
(entry,) = (one for one in installed(ENTRY_POINTS) if one.name == sys.argv[2])
start = time.process_time()
plugin = import_plugin(entry)
seconds = time.process_time() - start
manifest = plugin.manifest
for one in (*manifest.encoders, *manifest.decoders, *manifest.projections):
    options_model(one.options)
for one in manifest.projections:
    resolve(one.shapes), one.tokens and resolve(one.tokens)
told = {"seconds": seconds, "manifest": plugin.manifest.model_dump_json(),
        "heavy": [name for name in json.loads(sys.argv[3]) if name in sys.modules]}
sys.stdout.write("\\n" + json.dumps(told))
"""


@dataclass(frozen=True)
class Outside:
    """What importing a declaration gave and cost."""

    seconds: float  # of the processor, the registry being imported already
    manifest: str  # as JSON
    heavy: tuple[str, ...]  # modules of `HEAVY` that it imported, its options models included


def outside(plugin: str) -> Outside:
    """Import the installed plugin of this name in a process of its own.

    Raises:
        PluginError: it cannot be imported there.
    """
    arguments = [json.dumps(sys.path), plugin, json.dumps(HEAVY)]
    try:
        asked = subprocess.run(
            [sys.executable, "-c", _ASK, *arguments],
            capture_output=True,
            encoding="utf-8",
            timeout=_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        what = f"its declaration was not imported after {_LIMIT_S} s in a process of its own"
        raise PluginError(plugin, what, "do nothing at import but declare") from error
    if asked.returncode:
        raise PluginError(
            plugin,
            f"its declaration cannot be imported alone: {asked.stderr.strip()[-500:]}",
            "import what it needs in its own module",
        )
    told = json.loads(asked.stdout.splitlines()[-1])
    return Outside(told["seconds"], told["manifest"], tuple(told["heavy"]))


def quickest(plugin: str, first: Outside) -> float:
    """Seconds of the best of `_TRIES`, `first` among them; asks again only above `IMPORT_S`.

    Raises:
        PluginError: it cannot be imported there.
    """
    best = first.seconds
    for _ in range(_TRIES - 1):
        if best > IMPORT_S:
            best = min(best, outside(plugin).seconds)
    return best
