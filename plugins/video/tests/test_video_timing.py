"""Whatever the times of its frames, a video comes out at one rate and in the right order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextgpt_video.timing import even


@given(rate=st.floats(0.5, 120), frames=st.integers(2, 200), tick=st.sampled_from([1e-3, 1e-5]))
def test_even_films_are_kept_frame_for_frame(rate: float, frames: int, tick: float) -> None:
    times = [round(n / rate / tick) * tick for n in range(frames)]

    timing = even(times, last=1 / rate, declared=rate, tick=tick)

    assert timing.picks == tuple(range(frames))
    assert timing.rate == rate


def test_a_wrong_declared_rate_is_not_believed() -> None:
    timing = even([0, 0.1, 0.2, 0.3], last=0.1, declared=1000, tick=1e-3)

    assert timing.rate == pytest.approx(10)


def test_a_held_frame_is_repeated() -> None:
    timing = even([0, 0.1, 0.2, 1.2], last=0.1, declared=4 / 1.3, tick=0.01)

    assert timing.rate == pytest.approx(10)
    assert timing.picks == (0, 1, *(2,) * 10, 3)


def test_a_last_frame_held_longer_is_repeated() -> None:
    timing = even([0, 0.1, 0.2], last=0.5, declared=0, tick=0.01)

    assert timing.picks == (0, 1, 2, 2, 2, 2, 2)


def test_small_jitter_keeps_the_declared_rate() -> None:
    rng = np.random.default_rng(0)
    times = sorted(float(t) for t in np.arange(90) / 30 + rng.uniform(-0.004, 0.004, 90))

    timing = even(times, last=1 / 30, declared=30.1, tick=1e-5)

    assert timing.rate == 30.1
    assert len(timing.picks) == pytest.approx(90, abs=2)


@given(
    gaps=st.lists(st.floats(0.001, 2), min_size=1, max_size=40),
    last=st.floats(0, 1),
    declared=st.floats(0, 300),
)
def test_picks_ascend_and_last_as_long_as_the_film(
    gaps: list[float], last: float, declared: float
) -> None:
    times = [0.0, *np.cumsum(gaps).tolist()]

    timing = even(times, last=last, declared=declared, tick=1e-3)

    assert list(timing.picks) == sorted(timing.picks)
    assert timing.picks[-1] < len(times)
    length = len(timing.picks) / timing.rate
    assert length == pytest.approx(times[-1] + (last or np.median(gaps)), rel=0.25, abs=2.5)


def test_frames_at_one_time_are_an_error() -> None:
    with pytest.raises(ValueError, match="same time"):
        even([1.0, 1.0], last=0, declared=25, tick=1e-3)
