"""Pipelines of diffusers as decoders, described by their folders."""

from nextgpt_diffusers.describe import describe
from nextgpt_diffusers.pipelines import PIPELINES

__all__ = ["PIPELINES", "describe"]
