"""Sounds as Python programs hold them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nextgpt_audio.files import adopt, from_array
from nextgpt_registry.errors import MediaError

WAVE = (0.5 * np.sin(np.arange(4000) / 9)).astype(np.float32)
RATE = 16_000
STEREO = np.stack([WAVE, WAVE])
SAMPLES = (WAVE * 32768).astype(np.int16)
CASES = {
    "array and rate": (WAVE, RATE),
    "rate and array": (RATE, WAVE),
    "rate of NumPy": (WAVE, np.int64(RATE)),
    "doubles": (WAVE.astype(np.float64), RATE),
    "tensor": (torch.from_numpy(WAVE), torch.tensor(RATE)),
    "channels first": (STEREO, RATE),
    "channels last": (STEREO.T, RATE),
    "of datasets": {"array": WAVE, "sampling_rate": RATE, "path": None},
}


@pytest.mark.parametrize("value", CASES.values(), ids=CASES)
def test_sound_of_a_program_is_adopted(value: object) -> None:
    assert adopt(value, guess=True) == from_array(WAVE, RATE)


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint8])
def test_integers_are_scaled_by_their_range(dtype: type) -> None:
    info = np.iinfo(dtype)
    middle = 128 if dtype is np.uint8 else 0
    value = (WAVE * (info.max - middle) + middle).round().astype(dtype)

    found = adopt((value, RATE), guess=True)

    assert found is not None
    assert np.abs(found.data - WAVE).max() < 0.01


def test_sound_without_a_rate_is_asked_for_one() -> None:
    with pytest.raises(MediaError, match="without a sample rate"):
        adopt(WAVE, guess=False)
    assert adopt(WAVE, guess=True) is None


@pytest.mark.parametrize("value", [(WAVE * 9, RATE), (WAVE * np.nan, RATE), (WAVE, 5), (WAVE, 0)])
def test_sound_out_of_range_is_refused(value: object) -> None:
    with pytest.raises(MediaError):
        adopt(value, guess=False)
