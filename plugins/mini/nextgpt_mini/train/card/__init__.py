"""The model card and the gallery, made of evaluations.

`command.write` makes them; `command.check` holds a fresh evaluation to them.
"""
