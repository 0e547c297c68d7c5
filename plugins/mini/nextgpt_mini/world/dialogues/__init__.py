"""Conversations made by code for the three training stages, as plain data."""

from nextgpt_mini.world.dialogues.cast import Cast
from nextgpt_mini.world.dialogues.exchange import DIRECTIONS
from nextgpt_mini.world.dialogues.mixed import MIXED_DIRECTIONS
from nextgpt_mini.world.dialogues.script import Line, Script
from nextgpt_mini.world.dialogues.stages import Stage, write
from nextgpt_mini.world.dialogues.wordings import Wording

__all__ = ["DIRECTIONS", "MIXED_DIRECTIONS", "Cast", "Line", "Script", "Stage", "Wording", "write"]
