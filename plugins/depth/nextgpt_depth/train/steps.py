"""The parts that are trained here, and for how long, in an order that works. Imports nothing."""

STEPS = {"text": 250, "judge": 350, "encoder": 300, "decoder": 500}
