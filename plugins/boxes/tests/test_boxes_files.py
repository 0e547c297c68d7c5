"""Boxes are read as they were written; what is wrong with a file is said; pictures are drawn on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from nextgpt_boxes import Box, Picture, of_media, overlay, plugin, to_media
from nextgpt_boxes.cli import app
from nextgpt_boxes.files import PREVIEW, picture_of, preview_pixels, sample
from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Blob, Media

CAT = Box(label="cat", score=0.9, x0=0.25, y0=0.25, x1=0.5, y1=0.75)
GREY = Media("image", np.full((60, 80, 3), 120, np.uint8))


def told(**changed: Any) -> bytes:
    box = {"label": "cat", "score": 1, "x0": 0, "y0": 0, "x1": 1, "y1": 1}
    whole = {"format": "nextgpt-boxes-1", "picture": {"width": 8, "height": 8}, "boxes": [box]}
    return json.dumps(whole | {"boxes": [box | changed]}).encode()


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as opened:
        return opened.size


def test_a_file_written_by_hand_is_read_and_spelled_anew() -> None:
    spaced = plugin.nextgpt_read_media(
        "boxes", Blob(json.dumps(json.loads(told()), indent=2).encode())
    )
    close = plugin.nextgpt_read_media("boxes", Blob(told()))

    assert spaced is not None
    assert spaced == close
    assert of_media(spaced).boxes[0].corners == (0, 0, 1, 1)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"x0": 2}, r"boxes\.0\.x0: Input should be less than or equal to 1"),
        ({"x0": 0.9, "x1": 0.1}, "x0 and y0 are the smaller ones"),
        ({"score": "sure"}, r"boxes\.0\.score"),
        ({"label": ""}, r"boxes\.0\.label"),
        ({"colour": "red"}, r"boxes\.0\.colour: Extra inputs"),
    ],
)
def test_a_wrong_box_is_named(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(MediaError, match=said):
        plugin.nextgpt_read_media("boxes", Blob(told(**changed), "a.boxes"))


def test_too_many_boxes_are_refused() -> None:
    many = to_media(Picture(width=8, height=8), [CAT] * 1001)

    with pytest.raises(MediaError, match="has 1,001 boxes, more than the 1,000 accepted"):
        of_media(many)


def test_a_medium_keeps_the_address_and_a_small_copy_of_its_picture() -> None:
    large = Media("image", np.zeros((600, 1200, 3), np.uint8))

    kept = picture_of(large)

    assert (kept.width, kept.height, kept.sha256) == (1200, 600, large.sha256)
    assert preview_pixels(of_media(to_media(kept, []))).shape == (PREVIEW // 2, PREVIEW, 3)


def test_boxes_are_drawn_where_they_are() -> None:
    drawn = overlay(of_media(to_media(picture_of(GREY), [CAT])), GREY.data)

    assert drawn.shape == (180, 240, 3)  # three times as large: there is room for the name
    assert (drawn[45, 150:170] == 120).all()  # beside the box
    assert (drawn[100, 60] != 120).any()  # its left side
    assert (drawn[120, 90] == 120).all()  # inside


def test_a_page_shows_names_that_are_no_markup() -> None:
    box = CAT.model_copy(update={"label": "<b>cat"})

    shown = plugin.nextgpt_show_media(to_media(Picture(width=8, height=8), [box]))

    assert shown is not None
    assert "&lt;b&gt;cat 90%" in shown
    assert "<b>" not in shown


def test_where_nothing_is_found_every_view_says_so(tmp_path: Path) -> None:
    empty = to_media(picture_of(GREY), [])

    assert empty.about == {"found": "nothing"}
    assert ">nothing found</text>" in str(plugin.nextgpt_show_media(empty))
    assert (overlay(of_media(empty), GREY.data) != 120).any()
    assert ">nothing found<" not in str(plugin.nextgpt_show_media(sample(0)))


def test_what_is_found_is_told_in_words_as_far_as_they_go() -> None:
    many = [CAT.model_copy(update={"score": n / 100}) for n in range(90, 80, -1)]

    assert to_media(picture_of(GREY), [CAT]).about == {"found": "cat 90%"}
    assert to_media(picture_of(GREY), many).about["found"].endswith("cat 83% and 2 more")


def test_the_command_draws_on_the_copy_or_on_the_picture(tmp_path: Path) -> None:
    file = plugin.nextgpt_write_media(to_media(picture_of(GREY), [CAT]), tmp_path / "a")
    Image.fromarray(np.zeros((400, 400, 3), np.uint8)).save(tmp_path / "p.png")
    given = ["draw", str(file), "--out", str(tmp_path / "o.png")]

    copied = CliRunner().invoke(app, given)
    small = size(tmp_path / "o.png")
    on_picture = CliRunner().invoke(app, [*given, "--picture", str(tmp_path / "p.png")])

    assert (copied.exit_code, on_picture.exit_code) == (0, 0)
    assert small == (240, 180)
    assert size(tmp_path / "o.png") == (400, 400)


def test_boxes_without_a_copy_of_their_picture_need_it(tmp_path: Path) -> None:
    file = plugin.nextgpt_write_media(to_media(Picture(width=8, height=8), [CAT]), tmp_path / "a")

    drawn = CliRunner().invoke(app, ["draw", str(file), "--out", str(tmp_path / "o.png")])

    assert isinstance(drawn.exception, MediaError)
    assert "holds no preview" in str(drawn.exception)


def test_boxes_are_logged_as_a_picture() -> None:
    class Writer:
        def add_image(self, *args: Any, **options: Any) -> None:
            self.got = args

    writer = Writer()

    assert plugin.nextgpt_log_media(writer, "a", sample(0), 3)
    assert writer.got[1].shape[2] == 3
