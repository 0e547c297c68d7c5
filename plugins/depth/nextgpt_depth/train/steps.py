"""The parts that are trained here, and for how long, in an order that works. Imports nothing."""

STEPS = {"text": 250, "judge": 1500, "encoder": 1500, "decoder": 4000}
