"""Media by other hands: fetched for evaluation, left out where they cannot be had."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nextgpt_registry.errors import RequestError, SourceError
from nextgpt_world.cutting import clean, draw, trim
from nextgpt_world.free import elsewhere as others
from nextgpt_world.free import requests
from nextgpt_world.free.requests import lines
from nextgpt_world.free.suite import any2any_free
from nextgpt_world.library import LIBRARY, STYLES, Library
from nextgpt_world.vocabulary import vocabulary


@pytest.fixture(scope="module")
def suite():
    return any2any_free()


def test_nothing_that_trains_reads_media_by_other_hands():
    """The library that training draws from holds none, and no module elsewhere names them."""
    kept = {style for _, style in Library.load(LIBRARY).sprites}
    home = Path(requests.__file__).parent
    others_code = [p for p in Path(__file__).parents[3].glob("*/*/nextgpt_*/**/*.py")]

    assert kept == set(STYLES)
    assert kept.isdisjoint(others.PICTURES)
    assert len(others_code) > 100
    for path in others_code:
        if home not in path.parents:
            assert "nextgpt_world.free" not in path.read_text("utf-8"), path


@pytest.fixture
def drawn(monkeypatch):
    """One thing in one other style; `timgm` cannot be had."""
    disc = '<circle r="4" cx="4.5" cy="4.5"/>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">{disc}</svg>'
    sprite = trim(draw(svg))
    library = Library({(t, "twemoji"): sprite for t in vocabulary().objects}, {})
    gone = SourceError("timgm", "cannot be had", "go online")
    monkeypatch.setattr(
        requests, "elsewhere", lambda style: library if style == "twemoji" else gone
    )


def test_a_request_shows_its_medium_in_its_style(suite, drawn):
    prompt = next(p for p in suite.prompts if p.direction == "twemoji")

    [message] = prompt.request()
    [medium] = [part.media for part in message.media]

    assert medium.data.shape == (128, 128, 3)
    assert prompt.request() == (message,)


def test_media_that_cannot_be_had_leave_their_requests_out(suite, drawn):
    prompt = next(p for p in suite.prompts if p.direction == "timgm")

    with pytest.raises(RequestError, match="cannot be had"):
        prompt.request()


def test_a_drawing_is_cut_to_a_square_without_margins():
    wide = Image.new("RGBA", (64, 64))
    wide.paste((255, 0, 0, 255), (10, 30, 50, 40))

    cut = trim(wide)

    assert cut.shape == (96, 96, 4)
    rows, columns = np.nonzero(cut[..., 3] > 128)
    assert columns.min() == 0
    assert columns.max() == 95
    assert 20 <= rows.max() - rows.min() <= 26


def test_a_drawing_that_is_none_is_an_error():
    with pytest.raises(SourceError, match="cannot be drawn"):
        draw("no drawing")


def test_a_sound_loses_its_silent_ends():
    sound = np.concatenate([np.zeros(500), np.full(1000, 0.2), np.zeros(500)]).astype(np.float32)

    cut = clean(sound)

    assert len(cut) == 1000
    assert cut.max() == pytest.approx(0.9)


@pytest.mark.network
@pytest.mark.slow
def test_other_styles_and_another_soundfont_are_fetched_and_cut():
    pytest.importorskip("tinysoundfont", reason="is installed by hand, without its dependencies")
    pictures, sounds = others.elsewhere("tuxpaint"), others.elsewhere("timgm")

    assert isinstance(pictures, Library), pictures
    assert isinstance(sounds, Library), sounds
    assert {style for _, style in pictures.sprites} == set(others.PICTURES)
    given = (part for line in lines() for part in line["ask"] if not isinstance(part, str))
    for medium in (one for one in given if "style" in one):
        if medium["kind"] == "audio":
            assert sounds.sounds[medium["sound"]]
        else:
            assert (medium["object"], medium["style"]) in pictures.sprites
