"""From published checkpoints to the parts of a system, a tensor at a time."""

from nextgpt_systems.checkpoints.convert import LAYOUTS, convert

__all__ = ["LAYOUTS", "convert"]
