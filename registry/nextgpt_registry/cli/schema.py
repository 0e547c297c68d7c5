"""`nextgpt schema`: the JSON Schema of a config. Knows no plugin."""

from __future__ import annotations

import json
import sys


def command() -> None:
    """Print the JSON Schema of a config, for editors."""
    from nextgpt_registry.schema import config_schema  # lazy: it reads sources

    sys.stdout.write(json.dumps(config_schema(), indent=1, ensure_ascii=False) + "\n")
