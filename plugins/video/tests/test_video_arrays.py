"""Videos made from arrays: what is refused, and how they are written, shown and logged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Blob, Media
from nextgpt_video import VIDEO, from_array
from nextgpt_video.encoding import mp4

FRAMES = np.zeros((6, 24, 32, 3), np.uint8)
FRAMES[:, :12] = (255, 0, 0)
for _n in range(6):
    FRAMES[_n, 12:, 4 * _n : 4 * _n + 8] = (0, 0, 255)


@pytest.mark.parametrize(
    ("array", "rate", "said"),
    [
        (FRAMES / 255, 8, "array of float64, wanted uint8"),
        (FRAMES[0], 8, r"shape \(24, 32, 3\)"),
        (FRAMES[:0], 8, r"shape \(0, 24, 32, 3\)"),
        (FRAMES, 0, "rate of 0 frames"),
        (FRAMES, float("nan"), "rate of nan frames"),
        (FRAMES, 90_000, "rate of 90000 frames"),
        (FRAMES, 0.01, "600 seconds, more"),
    ],
)
def test_arrays_of_another_layout_are_refused(array: Any, rate: float, said: str) -> None:
    with pytest.raises(MediaError, match=said):
        from_array(array, rate)


def test_a_written_film_plays_in_browsers_and_reads_back(hook: Any, tmp_path: Path) -> None:
    media = from_array(FRAMES[:, :23, :31], 7.5)

    path = hook.nextgpt_write_media(media=media, stem=tmp_path / "a.b", suffix=".mp4")
    again = hook.nextgpt_read_media(modality="video", blob=Blob(path.read_bytes()))

    with av.open(path) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
    assert path == tmp_path / "a.b.mp4"
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert again.rate == 7.5
    assert again.data.shape == (6, 24, 32, 3)
    assert np.abs(again.data.astype(int) - FRAMES)[:, 3, 3].max() < 12
    assert [p.name for p in tmp_path.iterdir()] == ["a.b.mp4"]


def test_equal_films_are_written_equal() -> None:
    media = from_array(FRAMES, 8)

    assert mp4(media) == mp4(media)


def test_shown_films_carry_their_frames(hook: Any) -> None:
    shown = hook.nextgpt_show_media(media=from_array(FRAMES, 8))

    assert shown.startswith("<video controls loop muted autoplay")
    assert "data:video/mp4;base64," in shown


def test_logged_films_reach_tensorboard_as_a_strip(
    hook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Writer:
        def add_image(self, tag: str, data: Any, step: int, dataformats: str) -> None:
            self.got = data.shape, step, dataformats

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    writer = Writer()

    assert hook.nextgpt_log_media(writer=writer, tag="a", media=from_array(FRAMES, 8), step=3)
    assert writer.got == ((24, 6 * 32, 3), 3, "HWC")


def test_a_medium_made_from_an_array_is_held_to_the_layout(hook: Any) -> None:
    good = hook.nextgpt_check_media(media=Media("video", FRAMES, rate=8))

    assert good == from_array(FRAMES, 8)
    assert isinstance(good.rate, float)
    with pytest.raises(MediaError, match="wanted"):
        hook.nextgpt_check_media(media=Media("video", FRAMES.astype(np.float64), rate=8))
    with pytest.raises(MediaError, match="without a rate"):
        hook.nextgpt_check_media(media=Media("video", FRAMES))


def test_limits_are_declared() -> None:
    assert {limit.of for limit in VIDEO.limits} == {
        "bytes",
        "seconds",
        "frames",
        "pixels",
        "columns-or-rows",
    }
