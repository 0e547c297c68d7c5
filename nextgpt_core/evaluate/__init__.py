"""Suites put to a system: prompts chosen, asked, judged and reported."""

from nextgpt_core.evaluate.choose import choose
from nextgpt_core.evaluate.run import Evaluated, evaluate, load_suite

__all__ = ["Evaluated", "choose", "evaluate", "load_suite"]
