"""The request loop: prefill, write, decode beside it, and tell what happens."""

from nextgpt_core.engine.loop import Engine
from nextgpt_core.engine.request import Cancel, Request, item_seed

__all__ = ["Cancel", "Engine", "Request", "item_seed"]
