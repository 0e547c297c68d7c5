from __future__ import annotations

from pathlib import Path

import pytest

from nextgpt_registry.errors import RequestError
from nextgpt_registry.outputs import check_file, check_folder


def everything(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def test_folder_that_can_be_made_is_left_unmade(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()

    assert check_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert check_folder(there) == there
    assert check_file(tmp_path / "c" / "d.html") == tmp_path / "c" / "d.html"
    assert everything(tmp_path) == [there]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("file", "Not a directory"),
        ("file/in/it", "Not a directory"),
        ("dangling", "exists"),
        ("dangling/in/it", ""),
        ("loop/in/it", ""),
        ("a" * 300, "name too long"),
        ("a/" * 2100, "name too long"),
        ("a\0b", "null"),
    ],
)
def test_what_is_in_the_way_is_told_and_nothing_is_left(
    tmp_path: Path, name: str, why: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    before = everything(tmp_path)

    with pytest.raises(RequestError) as caught:
        check_folder(tmp_path / name, option="--export")
    with pytest.raises(RequestError):
        check_file(tmp_path / name / "page.html")

    assert caught.value.who.startswith("--export ")
    assert why.lower() in caught.value.what.lower()
    assert len(str(caught.value)) < 1000
    assert everything(tmp_path) == before


def test_folder_of_a_user_who_is_not_there() -> None:
    with pytest.raises(RequestError, match="cannot be used"):
        check_folder(Path("~nobody-of-this-name/out"))


def test_folder_in_the_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="is a folder"):
        check_file(tmp_path)


def test_place_where_nothing_can_be_made() -> None:
    with pytest.raises(RequestError, match="cannot be used"):
        check_folder(Path("/proc/nextgpt-out"))
