"""The documentation as a site: strictly built, whole by itself; a lost link fails the build."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FETCHED = re.compile(r"""<(?:script|link|img|iframe)\b[^>]*(?:src|href)=["']?(?:https?:)?//""")


def build(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)],
        cwd=root,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT, folder)
    assert done.returncode == 0, done.stderr
    assert "excluded from the built site" not in done.stderr
    return folder


def test_what_pages_link_to_in_the_repository_is_in_the_site(site: Path) -> None:
    for plugin in ROOT.glob("plugins/*/README.md"):
        assert (site / "plugins" / f"{plugin.parent.name}.html").is_file()
    for error in ROOT.glob("registry/nextgpt_registry/error_pages/*.md"):
        assert (site / "reference" / "errors" / f"{error.stem}.html").is_file()
    assert 'href="errors/PlanError.html"' in (site / "reference" / "errors.html").read_text("utf-8")


def test_code_that_pages_link_to_is_in_the_site(site: Path) -> None:
    page = (site / "plugins" / "depth.html").read_text("utf-8")

    assert 'href="../repository/plugins/depth/nextgpt_depth/train/scenes.py"' in page
    assert (
        site / "repository" / "plugins" / "depth" / "nextgpt_depth" / "train" / "scenes.py"
    ).is_file()


def test_media_of_the_gallery_are_in_the_site(site: Path) -> None:
    page = (site / "mini" / "gallery.html").read_text("utf-8")

    media = re.findall(r'(?:src|href)="(gallery/[^"]+)"', page)

    assert media
    assert not [name for name in media if not (site / "mini" / name).is_file()]


def test_no_page_fetches_anything_from_elsewhere(site: Path) -> None:
    pages = [page for page in site.rglob("*.html") if FETCHED.search(page.read_text("utf-8"))]

    assert not pages


def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path) -> None:
    for name in ("mkdocs.yml", "CONTRIBUTING.md"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    with (tmp_path / "docs" / "README.md").open("a", encoding="utf-8") as page:
        page.write("\n[Lost](nowhere.md)\n")

    done = build(tmp_path, tmp_path / "site")

    assert done.returncode != 0
    assert "nowhere.md" in done.stderr
