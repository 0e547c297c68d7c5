"""The words of this project are explained where they are first met on a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from docpages import ROOT

GLOSSARY = ROOT / "docs/explanation/glossary.md"
WORDS = ("addition", "channel", "lock", "plan", "signal", "suite", "system", "trunk", "twin")
"""Those that mean something else elsewhere, or nothing."""
PAGES = sorted(
    path
    for pattern in ("README.md", "docs/tutorials/*.md", "docs/how-to/*.md")
    for path in ROOT.glob(pattern)
)
_NO_PROSE = re.compile(
    r"^ *```.*?^ *```$|<!--.*?-->|^#.*?$|^\|.*?$|^    .*?$|`[^`\n]+`|!\[[^\]]*\]\([^)]*\)",
    re.MULTILINE | re.DOTALL,
)
_LINK = re.compile(r"\[(?P<words>[^\]]*)\]\((?P<target>[^)]*)\)")


def first_uses(page: Path) -> Iterator[tuple[str, int, int, str]]:
    """Of each word that the page uses in its prose: where first, and what that place links to."""
    text = page.read_text("utf-8")
    prose = _NO_PROSE.sub(lambda match: re.sub(r"\S", " ", match[0]), text)
    links = list(_LINK.finditer(prose))
    for word in WORDS:
        for use in re.finditer(rf"(?<![\w-]){word}s?(?![\w-])", prose, re.IGNORECASE):
            link = next((one for one in links if one.start() < use.start() < one.end()), None)
            if link and "glossary.md" not in link["target"]:
                continue  # the words of another link
            yield word, use.start(), use.end(), link["target"] if link else ""
            break


def test_the_glossary_has_an_anchor_for_every_word() -> None:
    text = GLOSSARY.read_text("utf-8")

    assert not [word for word in WORDS if f'<a id="{word}"></a>**{word}**' not in text]


def test_a_word_is_linked_where_it_is_first_used() -> None:
    bare = [
        f"{page.relative_to(ROOT)}: {word}"
        for page in PAGES
        for word, _, _, target in first_uses(page)
        if not target.endswith(f"glossary.md#{word}")
    ]

    assert not bare
