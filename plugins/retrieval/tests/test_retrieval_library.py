"""Folders become libraries: captions, increments, refusals, kills, and what stale ones say."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from typer.testing import CliRunner

from nextgpt_registry.catalog import Catalog
from nextgpt_registry.errors import MediaError, SourceError
from nextgpt_registry.media import Blob, Media
from nextgpt_retrieval import indexing
from nextgpt_retrieval.captions import from_name, read_captions
from nextgpt_retrieval.cli import WEIGHTS, app
from nextgpt_retrieval.indexing import Indexed, Source, embed, index, lock_of
from nextgpt_retrieval.library import Item, Library
from nextgpt_retrieval.text import CaptionEncoder

CATALOG = Catalog.discover(("image", "audio", "video"))
ENCODER = CaptionEncoder()
ENCODER.load(WEIGHTS)
ENCODER.eval()
Index = Callable[..., Indexed]


def picture(path: Path, shade: int) -> Path:
    """A picture of one shade, as a file that ends in .png."""
    media = Media("image", np.full((8, 8, 3), shade, np.uint8))
    written: Path = CATALOG.hook.nextgpt_write_media(
        media=media, stem=path.with_suffix(""), suffix=path.suffix
    )
    return written


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    (folder / "deep").mkdir(parents=True)
    picture(folder / "red-car.png", 10)
    picture(folder / "IMG_0042.png", 20)
    picture(folder / "deep" / "x.png", 30).with_suffix(".txt").write_text("three green apples\n")
    sound = Media("audio", np.zeros(1600, np.float32), 16_000.0)
    CATALOG.hook.nextgpt_write_media(media=sound, stem=folder / "silent_night", suffix=".wav")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    (folder / "notes.md").write_text("not media")
    return folder


@pytest.fixture
def indexed(folder: Path, tmp_path: Path) -> Index:
    def run(version: str = "1", captions: dict[str, str] | None = None, **how: object) -> Indexed:
        source = Source(folder, captions or {}, CATALOG)
        return index(source, tmp_path / "library", ENCODER, version, **how)  # type: ignore[arg-type]

    return run


def captions(library: Library) -> dict[str, str]:
    return {item.path: item.caption for item in library.items}


def test_captions_come_from_the_file_beside_it_or_the_name(indexed: Index) -> None:
    done = indexed()

    assert captions(done.library) == {
        "IMG_0042.png": "IMG_0042",
        "deep/x.png": "three green apples",
        "red-car.png": "red car",
        "silent_night.wav": "silent night",
    }
    assert {item.path: item.modality for item in done.library.items}["silent_night.wav"] == "audio"
    assert "damaged" in done.refused["broken.png"]
    assert (done.read, done.kept) == (4, 0)


def test_the_file_of_captions_goes_first_and_names_what_is_missing(indexed: Index) -> None:
    done = indexed(captions={"deep/x.png": "one pear", "gone.png": "nothing"})

    assert captions(done.library)["deep/x.png"] == "one pear"
    assert done.refused["gone.png"] == "no such file"


def test_unchanged_files_are_not_read_again(
    indexed: Index, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = indexed()
    picture(folder / "red-car.png", 99)
    (folder / "IMG_0042.png").unlink()
    (folder / "deep" / "x.txt").write_text("four green apples")
    read: list[str] = []
    own = Source._data
    monkeypatch.setattr(
        Source, "_data", lambda self, path, size: read.append(path.name) or own(self, path, size)
    )

    after = indexed()

    assert sorted(read) == ["broken.png", "red-car.png"]
    assert (after.read, after.kept) == (1, 2)
    assert captions(after.library)["deep/x.png"] == "four green apples"
    assert "IMG_0042.png" not in captions(after.library)
    assert len(before.library.items) - len(after.library.items) == 1


def test_a_file_with_another_time_and_the_same_bytes_is_kept(indexed: Index, folder: Path) -> None:
    indexed()
    os.utime(folder / "red-car.png", (1, 1))

    assert (indexed().read, indexed().kept) == (0, 4)


def test_another_encoder_embeds_everything_anew(indexed: Index) -> None:
    indexed("1")

    assert indexed("2").read == 4


def test_a_killed_index_leaves_a_whole_library_and_goes_on(
    indexed: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(indexing, "KEEP_S", 0.0)

    def kill(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        indexed(on_file=kill)

    left = Library.open(tmp_path / "library")
    assert 0 < len(left.items) < 4
    assert indexed().kept == len(left.items)


def test_the_nearest_item_is_found_and_read_with_its_source(indexed: Index, folder: Path) -> None:
    library = indexed().library

    [found] = library.search(embed(ENCODER, "3 apples, green"), "image")
    media = library.read(found, CATALOG)

    assert found.item.path == "deep/x.png"
    assert found.score > 0.7
    own = Blob((folder / "deep" / "x.png").read_bytes(), "x.png")
    assert media == CATALOG.hook.nextgpt_read_media(modality="image", blob=own)
    assert media.about["caption"] == "three green apples"
    assert media.about["source"] == "deep/x.png"
    assert media.source == str(folder / "deep" / "x.png")


def test_equally_near_items_come_by_their_path(indexed: Index, folder: Path) -> None:
    for name in ("b", "a", "c"):
        picture(folder / name / "red-car.png", 50)

    found = indexed().library.search(embed(ENCODER, "red car"), "image", top=4)

    assert [one.item.path for one in found] == [
        *("a/red-car.png", "b/red-car.png", "c/red-car.png", "red-car.png")
    ]


def test_what_is_stale_or_missing_is_told(indexed: Index, folder: Path, tmp_path: Path) -> None:
    library = indexed().library
    [found] = library.search(embed(ENCODER, "red car"), "image")

    picture(folder / "red-car.png", 77)
    with pytest.raises(SourceError, match="has changed since it was indexed"):
        library.read(found, CATALOG)
    (folder / "red-car.png").unlink()
    with pytest.raises(SourceError, match="was indexed and is gone"):
        library.read(found, CATALOG)
    with pytest.raises(SourceError, match="holds no video"):
        library.search(embed(ENCODER, "x"), "video")
    with pytest.raises(SourceError, match="another text encoder"):
        library.needs("2")
    with pytest.raises(SourceError, match="is no library"):
        Library.open(tmp_path / "nowhere")


@pytest.mark.parametrize("kind", ["items", "vectors", "library"])
def test_a_damaged_library_is_refused(indexed: Index, tmp_path: Path, kind: str) -> None:
    indexed()
    [path] = (tmp_path / "library").glob(f"{kind}*")
    path.write_bytes(path.read_bytes()[:-4])

    with pytest.raises(SourceError, match="is damaged"):
        Library.open(tmp_path / "library")


def test_an_item_cannot_lead_out_of_the_library() -> None:
    told = {"sha256": "", "size": 1, "mtime_ns": 1, "modality": "image", "mime": "", "caption": ""}

    for path in ("/etc/passwd", "../../secret.png"):
        with pytest.raises(ValueError, match="leads out of the library"):
            Item(path=path, **told)


def test_a_folder_of_something_else_or_in_use_is_left_alone(
    indexed: Index, folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match="holds something other than a library"):
        index(Source(folder, {}, CATALOG), folder, ENCODER, "1")
    indexed()
    with (
        FileLock(lock_of(tmp_path / "library")),
        pytest.raises(SourceError, match="is being indexed by another process"),
    ):
        indexed()


def test_a_folder_without_media_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(SourceError, match="holds not one file that a plugin reads"):
        index(Source(tmp_path / "empty", {}, CATALOG), tmp_path / "out", ENCODER, "1")
    with pytest.raises(SourceError, match="is no folder"):
        index(Source(tmp_path / "none", {}, CATALOG), tmp_path / "out", ENCODER, "1")


@pytest.mark.parametrize(
    ("name", "caption"),
    [
        ("DSC_1234.jpg", "DSC_1234"),
        ("IMG-20210714-oldRedBarn.jpg", "old red barn"),
        ("ein_Hund (3).png", "ein hund"),
    ],
)
def test_a_name_gives_its_words(name: str, caption: str) -> None:
    assert from_name(Path(name)) == caption


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.jsonl", '{"file": "a.png", "caption": "a cat"}\n\n'),
        ("c.csv", "file,caption\na.png,a cat\n"),
    ],
)
def test_captions_are_read_from_jsonl_and_csv(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)

    assert read_captions(tmp_path / name) == {"a.png": "a cat"}


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("c.jsonl", '{"path": "a.png"}', "line 1: has path, wanted `file` and `caption`"),
        ("c.csv", "file,text\na.png,x\n", "line 2: has file, text"),
        ("c.jsonl", "not json", "cannot be read"),
    ],
)
def test_a_wrong_file_of_captions_is_told(tmp_path: Path, name: str, text: str, told: str) -> None:
    (tmp_path / name).write_text(text)

    with pytest.raises(MediaError, match=told):
        read_captions(tmp_path / name)


def test_the_commands_index_search_and_show(folder: Path, tmp_path: Path) -> None:
    run, out = CliRunner(), str(tmp_path / "library")

    made = run.invoke(app, ["index", str(folder), "--out", out])
    found = run.invoke(app, ["search", out, "a crimson automobile, or a red car", "--json"])
    listed = run.invoke(app, ["show", out])
    strict = run.invoke(app, ["index", str(folder), "--out", out, "--strict", "--json"])

    assert made.exit_code == 0, made.output
    assert "left out broken.png" in made.stderr
    assert "4 read, 0 unchanged" in made.stdout
    assert json.loads(found.stdout)[0]["path"] == "red-car.png"
    assert "three green apples" in listed.stdout
    assert strict.exit_code == 1
    assert json.loads(strict.stdout)["kept"] == 4
