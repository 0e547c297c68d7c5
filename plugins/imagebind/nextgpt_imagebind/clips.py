"""Where the clips of videos and sounds begin. Knows neither.

As in pytorchvideo 0.1.5, which every requirements file of NExT-GPT pins: its projections were
trained on clips that lie so. Fractions, as there, because a rounded start is another frame.
"""

from __future__ import annotations

from fractions import Fraction

SECONDS = 2
"""Of each clip."""


def starts(seconds: float, clips: int) -> list[Fraction]:
    """Where each clip begins, in seconds: clip k at the k-th part of what is longer than one clip.

    So the last clip ends before the medium does, and the end is never seen; the code that
    ImageBind's makers pinned instead, a later one, lets the last clip end with the medium. All
    begin at 0 where there is less than one clip.
    """
    spare = Fraction(max(seconds - SECONDS, 0))
    return [spare / clips * k for k in range(clips)]
