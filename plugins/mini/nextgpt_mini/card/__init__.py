"""The model card and the gallery, made of evaluations. `command.run` does it."""
