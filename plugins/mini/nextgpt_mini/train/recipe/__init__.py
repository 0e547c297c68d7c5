"""The chain of runs from nothing to the shipped weights: as data, run, and collected."""
