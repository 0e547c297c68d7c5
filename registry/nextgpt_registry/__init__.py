"""The contract between the core and its plugins. Imports no torch, and never will."""

from nextgpt_registry.hookspecs import hookimpl
from nextgpt_registry.specs import API

__all__ = ["API", "hookimpl"]
