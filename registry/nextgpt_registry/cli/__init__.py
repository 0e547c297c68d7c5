"""The command `nextgpt`."""

from nextgpt_registry.cli.entry import main

__all__ = ["main"]
