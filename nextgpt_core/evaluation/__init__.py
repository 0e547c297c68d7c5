"""Suites put to a system: prompts chosen, asked, judged and reported. `run.evaluate` does it."""
