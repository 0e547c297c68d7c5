"""What the demo gives or asks for was never trained on, and its files are the scenes they claim."""

from pathlib import Path

import yaml

from nextgpt_mini.train.demo import DEMO, SCENES, render_demo
from nextgpt_world.library import Library
from nextgpt_world.scene import Clip, Picture, Scene, Sound, caption
from nextgpt_world.split import is_held_out

SCRIPT = yaml.safe_load((DEMO / "demo.yaml").read_text("utf-8"))
TURNS = [turn for talk in SCRIPT["conversations"] for turn in talk["turns"]]
ASKED: dict[str, tuple[Scene, ...]] = {
    "Draw a cat on a white background.": (Picture("cat", "white"),),
    "Let it move right.": (Clip("cat", "white", "moving right"),),
    "How does it move?": (Clip("cat", "white", "moving right"),),
    "Play the sound of a bell twice.": (Sound("bell", "twice"),),
    "Draw what you hear on a yellow background.": (Picture("bell", "yellow"),),
    "Make a video of a rocket moving right on a red background.": (
        Clip("rocket", "red", "moving right"),
    ),
    "Make the background blue.": (Picture("dog", "blue"),),
    "Play it three times.": (Sound("flute", "three times"),),
    "Draw two pictures: a penguin on a red background and a frog on a white background.": (
        Picture("penguin", "red"),
        Picture("frog", "white"),
    ),
    "Make a picture of a saxophone on a purple background and a recording of a saxophone three"
    " times.": (Picture("saxophone", "purple"), Sound("saxophone", "three times")),
}
"""Where what is given is not held out already."""
CHAT = ("What is the capital of France?", "Why do cats purr?")


def said(turn: dict) -> str:
    return " ".join(part["text"] for part in turn["parts"] if "text" in part)


def given(turn: dict) -> list[str]:
    return [part["media"] for part in turn["parts"] if "media" in part]


def test_every_turn_but_chat_has_a_combination_never_trained_on():
    for turn in TURNS:
        scenes = [*(SCENES[name] for name in given(turn)), *ASKED.get(said(turn), ())]

        assert any(map(is_held_out, scenes)) or said(turn) in CHAT, said(turn)


def test_scenes_that_are_asked_for_are_held_out_each():
    assert {said(turn) for turn in TURNS} >= set(ASKED)
    assert [caption(s) for scenes in ASKED.values() for s in scenes if not is_held_out(s)] == []


def test_files_of_the_demo_are_its_scenes():
    files = {path.name for path in DEMO.iterdir()} - {"demo.yaml"}

    assert files == set(SCENES) == {name for turn in TURNS for name in given(turn)}
    assert sum(path.stat().st_size for path in DEMO.iterdir()) < 300_000


def test_demo_can_be_rendered_anew(tmp_path: Path, monkeypatch):
    library = Library.samples()
    thing, sound = library.things[0], next(iter(library.sounds))
    scenes = {"a.png": Picture(thing, "red"), "b.wav": Sound(sound)}
    monkeypatch.setattr("nextgpt_mini.train.demo.SCENES", scenes)

    for folder in ("one", "two"):
        render_demo(tmp_path / folder, library)

    for name in scenes:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
