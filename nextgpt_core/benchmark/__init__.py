"""How fast a system is: each figure a ratio of two sides, run by turns in one process.

`rows` is what a figure is made of, `run` takes the time, `show` writes it down; what is compared
lies in `text`, `media`, `company`, `children` and `components`, and in what plugins bring.
"""
