"""`nextgpt explain`: the page of an error, out of the package. Knows none but by its name."""

from __future__ import annotations

import re
import sys
from importlib.resources import files
from typing import Annotated

import typer

from nextgpt_registry.alternatives import did_you_mean
from nextgpt_registry.cli.tables import console, print_table
from nextgpt_registry.errors import RequestError

_SUFFIX = ".md"
_COMMENT = re.compile(r"^<!--.*-->\n", re.MULTILINE)


def pages() -> dict[str, str]:
    """The Markdown of every page, by the name of its error; without what tests are told."""
    folder = files("nextgpt_registry") / "error_pages"
    found = {
        page.name.removesuffix(_SUFFIX): _COMMENT.sub("", page.read_text("utf-8"))
        for page in folder.iterdir()
        if page.name.endswith(_SUFFIX)
    }
    return dict(sorted(found.items()))


def gist(page: str) -> str:
    """What an error means in one sentence: the first paragraph of its page."""
    return " ".join(page.split("\n\n")[1].split())


def command(
    name: Annotated[str, typer.Argument(help="The error; none: list them all.")] = "",
) -> None:
    """Say what an error means and how to mend it."""
    known = pages()
    if not name:
        print_table("", ("error", "means"), [(error, gist(page)) for error, page in known.items()])
        return
    if name not in known:
        raise RequestError(f"explain {name}", "there is no such error", did_you_mean(name, known))
    if not sys.stdout.isatty():
        sys.stdout.write(known[name])
        return
    from rich.markdown import Markdown  # 50 ms, for a terminal only

    console().print(Markdown(known[name]))
