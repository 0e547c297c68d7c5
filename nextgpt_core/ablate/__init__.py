"""Variants of a system, each trained for the same small budget and measured by the same suite.

`axes` is what is compared, as data; `run` trains and asks; `table` writes what came of it.
"""
