"""The parts of mini that are trained here, and for how long. Imports nothing.

In an order that works; what is fitted and nothing else takes one step.
"""

STEPS = {
    "text": 500,
    "picture-latents": 2500,
    "sound-latents": 1,
    "vocoder": 10_000,
    "picture": 4200,
    "video": 3500,
    "sound": 2500,
}
