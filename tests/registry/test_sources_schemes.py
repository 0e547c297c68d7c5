"""A plugin brings another kind of archive, and nothing of the registry knows of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nextgpt_registry.errors import SourceError
from nextgpt_registry.fetch import schemes
from nextgpt_registry.fetch.sources import Source, cached, fetch, measure

CRATE = r"""
import sys, tarfile, zipfile
from nextgpt_registry.fetch.clients import run_client
from nextgpt_registry.fetch.schemes import Scheme

MAKE = '''
import io, sys, zipfile
with zipfile.ZipFile(sys.argv[1] + ".zip", "w") as made:
    made.writestr(zipfile.ZipInfo("top/words.txt"), sys.argv[1])
    if sys.argv[1].startswith("evil"):
        made.writestr(zipfile.ZipInfo("top/../../evil"), "x")
'''

def download(who, requirement, into, report):
    return run_client(who, [sys.executable, "-c", MAKE, requirement], into, report, wanted="*.zip")

CRATE = Scheme(
    form="crate:NAME-VERSION/member",
    pattern=r"(?P<name>[a-z]+)-(?P<version>\d+)",
    joint="-",
    download=download,
    open=zipfile.ZipFile,
    inside=lambda name: name.partition("/")[2],
)
WRONG = "no scheme"
"""


@pytest.fixture(autouse=True)
def crates(install: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed distribution that brings `crate:`, and three that cannot be used."""
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NEXTGPT_OFFLINE", raising=False)
    points = {"crate": "sources:CRATE", "wrong": "sources:WRONG", "gone": "nowhere:CRATE"}
    lines = [f"{name} = nextgpt_crates.{target}\n" for name, target in points.items()]
    install(
        "crates",
        "",
        files={"sources.py": CRATE},
        points="[nextgpt.sources]\n" + "".join(lines),
    )


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_member_is_fetched_pinned_and_kept() -> None:
    path = fetch("crate:wheat-7/words.txt", sha256=digest(b"wheat-7"))

    assert path.read_text() == "wheat-7"
    assert cached("crate:wheat-7/words.txt", sha256=digest(b"wheat-7")) == path
    assert measure("crate:wheat-7/words.txt") == digest(b"wheat-7")
    assert str(Source.parse("crate:wheat-7/words.txt")) == "crate:wheat-7/words.txt"
    with pytest.raises(SourceError, match="sha256 is"):
        fetch("crate:wheat-8/words.txt", sha256="0" * 64)


def test_its_names_cannot_leave_the_folder(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="outside its folder"):
        fetch("crate:evil-1", sha256=measure("crate:evil-1"))

    assert not list(tmp_path.rglob("evil"))


def test_its_spelling_is_held() -> None:
    with pytest.raises(SourceError, match=r"wanted crate:NAME-VERSION/member"):
        Source.parse("crate:wheat/words.txt")


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("wrong", "of nextgpt-crates is a str"),
        ("gone", r"the scheme gone: of nextgpt-crates cannot be used(.|\n)*nowhere"),
        ("conda", r"nothing that is installed knows 'conda' sources(.|\n)*pypi:(.|\n)*crate:"),
    ],
)
def test_a_scheme_that_cannot_be_used_is_told(kind: str, told: str) -> None:
    with pytest.raises(SourceError, match=told):
        Source.parse(f"{kind}:a-1/b")


def test_a_scheme_that_is_not_installed_says_what_brings_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(schemes, "installed", lambda group: ())  # as without that plugin

    with pytest.raises(SourceError, match="run `pip install nextgpt-world`, which brings it"):
        Source.parse("npm:a@1.0.0/b")


def test_a_client_that_fails_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", os.devnull)

    with pytest.raises(SourceError, match="failed: "):
        fetch("crate:wheat-7/words.txt", sha256="0" * 64)
