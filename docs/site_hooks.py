"""What the site has beside docs/: whatever its pages link to in the repository. Knows no page.

A page keeps the links that work in the repository; they are turned to where a file stands in the
site. A linked page (a plugin's README, the page of an error) becomes a page, any other file lies
there to be opened.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.structure.files import File, Files, InclusionLevel

DOCS = Path(__file__).parent
ROOT = DOCS.parent
LINK = re.compile(r"(?<=\]\()(?P<target>[^)\s#:]+)(?=[)#])")


def on_files(files: Files, config: Any) -> Files:
    """Add what pages link to outside docs/, and the linked pages' own links; then fill the nav."""
    pages = [Path(file.abs_src_path) for file in files.documentation_pages()]
    seen = set(pages)
    for page in pages:
        for path in linked(page):
            if path not in seen and not path.is_relative_to(DOCS):
                seen.add(path)
                added = InclusionLevel.INCLUDED  # code as well, which docs/ itself keeps back
                uri, source = place(path), str(path)
                files.append(File.generated(config, uri, abs_src_path=source, inclusion=added))
                pages += [path] if path.suffix == ".md" else []
    uris = {file.src_uri for file in files.documentation_pages()}
    config.nav = _filled(config.nav, uris - set(_named(config.nav)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links that leave docs/, or come from outside it, to where the file is in the site."""
    source, here = Path(page.file.abs_src_path), Path(page.file.src_uri).parent

    def turned(match: re.Match[str]) -> str:
        path = (source.parent / match["target"]).resolve()
        inside = path.is_relative_to(DOCS) and source.is_relative_to(DOCS)
        return match[0] if inside or not path.is_file() else os.path.relpath(place(path), here)

    return LINK.sub(turned, markdown)


def linked(page: Path) -> list[Path]:
    """The files of the repository that a page links to."""
    targets = LINK.findall(page.read_text("utf-8"))
    paths = [(page.parent / target).resolve() for target in targets]
    return [path for path in paths if path.is_file()]


def place(path: Path) -> str:
    """Where a file of the repository stands in the site."""
    if path.is_relative_to(DOCS):
        return path.relative_to(DOCS).as_posix()
    if path.parent.parent == ROOT / "plugins" and path.name == "README.md":
        return f"plugins/{path.parent.name}.md"
    if path.is_relative_to(ROOT / "plugins") and path.name == "README.md":
        return f"{path.relative_to(ROOT).parts[1]}/{path.parent.name}.md"
    if path.parent.name == "error_pages":
        return f"reference/errors/{path.name}"
    if path.suffix == ".md":
        return f"{path.stem.lower()}.md"
    return f"repository/{path.relative_to(ROOT).as_posix()}"


def _named(entry: Any) -> Iterator[str]:
    """The pages that the nav names one by one."""
    if isinstance(entry, str):
        yield entry
    else:
        for inside in entry.values() if isinstance(entry, dict) else entry:
            yield from _named(inside)


def _filled(entry: Any, uris: set[str]) -> Any:
    """The nav, each entry with a * replaced by the pages that fit, a README first."""
    if isinstance(entry, dict):
        return {title: _filled(inside, uris) for title, inside in entry.items()}
    if isinstance(entry, list):
        filled = [(each, _filled(each, uris)) for each in entry]
        return [page for each, pages in filled for page in _spread(each, pages)]
    if "*" not in entry:
        return entry
    fits = [uri for uri in uris if PurePosixPath(uri).match(entry)]
    return sorted(fits, key=lambda uri: (not uri.endswith("README.md"), uri))


def _spread(entry: Any, pages: Any) -> list[Any]:
    """The pages of a * in a list lie beside the list's others."""
    return pages if isinstance(entry, str) and "*" in entry else [pages]
