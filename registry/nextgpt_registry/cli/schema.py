"""`nextgpt schema`: the JSON Schema of a config, with what the installed plugins declare."""

from __future__ import annotations

from nextgpt_registry.cli.tables import json_alone, print_json


def command() -> None:
    """Print the JSON Schema of a config, with the options of installed plugins, for editors."""
    from nextgpt_registry.catalog import Catalog
    from nextgpt_registry.schema import config_schema  # lazy: it reads sources

    with json_alone(True):
        schema = config_schema(Catalog.discover())
    print_json(schema)
