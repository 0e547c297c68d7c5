"""Something with an HTML form, before whoever runs this: in a notebook, or in a browser.

Knows no plugin.
"""

from __future__ import annotations

import sys
import webbrowser
from html import escape
from importlib import import_module
from pathlib import Path
from tempfile import mkdtemp
from typing import Protocol

from nextgpt_registry.errors import MediaError

_PAGE = '<!doctype html>\n<meta charset="utf-8">\n<title>{title}</title>\n{body}\n'


class Shown(Protocol):
    """What notebooks show as HTML."""

    def _repr_html_(self) -> str | None: ...


def display(shown: Shown) -> None:
    """In the cell of a notebook that this runs in; else as a page of its own, in the web browser.

    Raises:
        MediaError: no plugin shows it, or there is no browser; the page stays, and is named.
    """
    ipython = sys.modules.get("IPython")
    if ipython is not None and ipython.get_ipython() is not None:
        import_module("IPython.display").display(shown)
        return
    body = shown._repr_html_()
    if body is None:
        raise MediaError(repr(shown), "is shown by no loaded plugin", "save it to a file")
    page = Path(mkdtemp(prefix="nextgpt-")) / "shown.html"
    page.write_text(_PAGE.format(title=escape(repr(shown)), body=body), "utf-8")
    if not webbrowser.open(page.as_uri()):
        raise MediaError(str(page), "cannot be shown: there is no web browser", "open it yourself")
