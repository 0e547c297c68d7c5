"""Projections between encoders, the language model and decoders."""

from nextgpt_core.project.build import build_input, build_output
from nextgpt_core.project.input import InputProjection
from nextgpt_core.project.planned import planned_input, planned_output

__all__ = [
    "InputProjection",
    "build_input",
    "build_output",
    "planned_input",
    "planned_output",
]
