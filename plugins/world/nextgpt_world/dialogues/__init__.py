"""Conversations made by code for the three training stages, as plain data."""

from nextgpt_world.dialogues.cast import Cast
from nextgpt_world.dialogues.exchange import DIRECTIONS
from nextgpt_world.dialogues.mixed import MIXED_DIRECTIONS
from nextgpt_world.dialogues.script import Line, Script
from nextgpt_world.dialogues.stages import Stage, write
from nextgpt_world.dialogues.wordings import Wording

__all__ = ["DIRECTIONS", "MIXED_DIRECTIONS", "Cast", "Line", "Script", "Stage", "Wording", "write"]
