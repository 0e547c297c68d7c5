"""The command `nextgpt`."""

from nextgpt_registry.cli.dispatch import main

__all__ = ["main"]
