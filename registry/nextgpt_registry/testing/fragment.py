"""What is wrong with a fragment of HTML that is to stand in a page by itself. Renders nothing."""

from __future__ import annotations

from html.parser import HTMLParser

_VOID = frozenset({"area", "br", "col", "embed", "hr", "img", "input", "source", "track", "wbr"})
_LINKS = frozenset({"action", "data", "href", "poster", "src", "srcset", "xlink:href"})


def faults(fragment: str) -> list[str]:
    """Tags left open, references to something outside, scripts; none for a good fragment."""
    reader = _Reader()
    reader.feed(fragment)
    reader.close()
    return [*reader.found, *(f"<{tag}> is never closed" for tag in reader.open)]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            self.found.append("a <script>")
        for name, value in attrs:
            text = (value or "").strip()
            if name in _LINKS and not text.startswith(("data:", "#")):
                self.found.append(f"<{tag} {name}={text[:40]!r}> refers to something outside")
            if name.startswith("on"):
                self.found.append(f"<{tag} {name}=…> runs a script")
            if name == "style" and "url(" in text.replace("url(data:", ""):
                self.found.append(f"<{tag} style=…url(…)> refers to something outside")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            while self.open.pop() != tag:
                pass
        else:
            self.found.append(f"</{tag}> closes nothing")
