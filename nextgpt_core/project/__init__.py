"""Projections between encoders, the language model and decoders."""

from nextgpt_core.project.input import InputProjection, build_input
from nextgpt_core.project.output import OutputProjection, build_output
from nextgpt_core.project.planned import planned_input, planned_output

__all__ = [
    "InputProjection",
    "OutputProjection",
    "build_input",
    "build_output",
    "planned_input",
    "planned_output",
]
