"""The model card's figures and the gallery, out of an evaluation's folder."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from nextgpt_mini.train.card import command
from nextgpt_mini.train.card.figures import kept, off, table
from nextgpt_mini.train.cli import app
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.errors import RequestError
from nextgpt_registry.media import Media

REPORT = {
    "system": "mini",
    "suite": "any2any",
    "n": 3,
    "directions": {
        "text->image": {
            "n": 2,
            "structure": [1.0, 0.34, 1.0],
            "concept": [0.5, 0.09, 0.91],
            "attributes": None,
            "seconds": 1.0,
        },
        "text->text": {"n": 1, "structure": [1.0, 0.21, 1.0], "concept": None},
    },
    "judges": {"image": {"object": 0.99}},
    "goals": {},
    "goals_missed": ["text->image/concept"],
}
CARD = """# Card

<!-- figures: any2any -->
old
<!-- end -->

<!-- figures: chat -->
<!-- end -->
"""


def result(name, direction, kinds, media, *, told, wanted, text=""):
    return {
        "id": name,
        "direction": direction,
        "expected": kinds,
        "kinds": kinds,
        "wanted": wanted,
        "judged": told,
        "text": text,
        "error": "",
        "media": media,
    }


@pytest.fixture
def evaluation(tmp_path):
    folder = tmp_path / "evaluation"
    catalog = Catalog.discover()
    rng = np.random.default_rng(0)
    media = (
        Media("image", rng.integers(0, 255, (16, 16, 3), np.uint8)),
        Media("video", rng.integers(0, 255, (4, 16, 16, 3), np.uint8), 8.0),
        Media("audio", rng.uniform(-0.5, 0.5, 16_000).astype(np.float32), 16_000.0),
    )
    (folder / "media").mkdir(parents=True)
    files = [
        catalog.hook.nextgpt_write_media(
            media=m, stem=folder / "media" / str(n), suffix=catalog.modality(m.modality).written[0]
        ).name
        for n, m in enumerate(media)
    ]
    asked, results = [{"suite": "any2any"}], []
    for n, (medium, file) in enumerate(zip(media, files, strict=True)):
        turns = [
            {"role": "user", "parts": ["Draw | this:", {"kind": "image", "file": "media/0.png"}]}
        ]
        direction = f"image->{medium.modality}"
        asked.append({"id": f"{n}", "direction": direction, "messages": turns})
        results.append(
            result(
                f"{n}",
                direction,
                [medium.modality],
                [file],
                wanted=[{"object": "cat", "colour": "red"}],
                told=[{"object": "cat", "colour": "blue"}],
            )
        )
    (folder / "suite.jsonl").write_text("".join(json.dumps(line) + "\n" for line in asked))
    (folder / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in results))
    (folder / "report.json").write_text(json.dumps(REPORT))
    return folder


def test_the_card_is_filled_between_its_marks_and_the_rest_is_left(evaluation, tmp_path):
    out = tmp_path / "docs"
    out.mkdir()
    (out / "model-card.md").write_text(CARD)

    command.write([evaluation], out)
    command.write([evaluation], out)

    card = (out / "model-card.md").read_text()
    assert card.startswith("# Card\n\n<!-- figures: any2any -->\n| direction | n | right media |")
    assert "| text->image | 2 | 100% (34-100) | 50% (9-91) |" in card
    assert card.count("Goals missed: text->image/concept.") == 1
    assert "old" not in card
    assert card.endswith("<!-- figures: chat -->\n<!-- end -->\n")
    assert json.loads((out / "figures.json").read_text()) == kept([REPORT])


def test_figures_of_other_suites_stay(evaluation, tmp_path):
    out = tmp_path / "docs"
    out.mkdir()
    (out / "model-card.md").write_text(CARD)
    command.write([evaluation], out)
    chat = {**REPORT, "suite": "chat", "goals_missed": ["text->text/false_media"]}
    (evaluation / "report.json").write_text(json.dumps(chat))

    command.write([evaluation], out)

    assert json.loads((out / "figures.json").read_text()) == kept([REPORT, chat])
    card = (out / "model-card.md").read_text()
    assert "Goals missed: text->image/concept." in card
    assert "Goals missed: text->text/false_media." in card


def frames(path):
    with Image.open(path) as image:
        return getattr(image, "n_frames", 1)


def test_the_gallery_shows_moving_videos_sounds_and_what_was_not_found(evaluation, tmp_path):
    out = tmp_path / "docs"
    out.mkdir()
    (out / "model-card.md").write_text(CARD)

    command.write([evaluation], out)

    page = (out / "gallery.md").read_text()
    assert [line for line in page.splitlines() if line.startswith("## ")] == [
        "## image->image",
        "## image->video",
        "## image->audio",
    ]
    assert "Draw \\| this:" in page
    assert "image: cat, ✗ red" in page
    shown = sorted((out / "gallery").glob("*.webp"))
    assert len(shown) == 6
    assert sorted(map(frames, shown)) == [1, 1, 1, 1, 1, 4]
    assert "](gallery/006.ogg)" in page
    assert (out / "gallery" / "006.ogg").stat().st_size > 1000


def test_a_gallery_that_fails_leaves_the_one_before(evaluation, tmp_path):
    out = tmp_path / "docs"
    out.mkdir()
    (out / "model-card.md").write_text(CARD)
    command.write([evaluation], out)
    before = sorted(out.rglob("*"))
    (evaluation / "media" / "2.wav").unlink()

    with pytest.raises(FileNotFoundError):
        command.write([evaluation], out)

    assert sorted(out.rglob("*")) == before


def moved(by):
    value = [x + by for x in (0.5, 0.4, 0.6)]
    return {**REPORT, "directions": {"text->image": {"n": 9, "concept": value}}}


def test_a_fresh_figure_agrees_where_the_intervals_meet():
    card = kept([moved(0)])

    assert off(card, moved(0.19)) == []
    assert off(card, moved(-0.19)) == []
    assert off(card, moved(0.21)) == []  # of several figures one may be off by chance
    [line] = off(card, moved(0.4))
    assert line.startswith("text->image/concept: the card says 50% (40-60), measured now 90%")


def test_a_table_leaves_out_what_no_direction_has():
    assert table(kept([REPORT])["any2any"]).splitlines()[0] == (
        "| direction | n | right media | right thing |"
    )


def test_a_table_begins_with_what_most_went_wrong():
    told = {"fine": [0.9, 0.8, 1.0], "bad": [0.1, 0.0, 0.2], "fair": [0.5, 0.4, 0.6]}
    directions = {name: {"n": 9, "right": right} for name, right in told.items()}

    lines = table(kept([{**REPORT, "directions": directions}])["any2any"]).splitlines()

    assert lines[0] == "| direction | n | all right |"
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| bad", "| fair", "| fine"]


def test_the_card_has_answers_beside_the_bare_language_model_s():
    beside = {"length": [0.5, 0.4, 0.6], "lists": None, "code": [1, 1, 1], "loops": [0, -0.1, 0.1]}
    means = {"length": 9.0, "lists": 0.0, "code": 0.5, "loops": 0.25}
    report = {**REPORT, "baseline": {"n": 4, **beside, "system": means, "base": means}}

    card = command.filled(CARD, kept([report]))

    assert "| length | 9 | 9 | 0.50 (0.40-0.60) |\n| lists | 0 | 0 |  |" in card


def test_the_command_tells_what_does_not_agree(evaluation, tmp_path):
    out = tmp_path / "docs"
    out.mkdir()
    (out / "figures.json").write_text(json.dumps(kept([moved(0)])))
    (evaluation / "report.json").write_text(json.dumps(moved(0.4)))

    found = CliRunner().invoke(app, ["card", str(evaluation), "--out", str(out), "--check"])
    same = CliRunner().invoke(app, ["card", str(evaluation), "--out", str(tmp_path), "--check"])

    assert found.exit_code == 1
    assert "measured now 90%" in found.output
    assert "no figures here" in str(same.exception)


def test_a_suite_that_the_card_does_not_hold_is_told(evaluation, tmp_path):
    (tmp_path / "figures.json").write_text(json.dumps({"chat": {}, "perplexity": {}}))

    with pytest.raises(RequestError, match=r"any2any.*figures of chat, perplexity"):
        command.check([evaluation], tmp_path)
