"""`nextgpt mini card`: model card and gallery out of evaluations, or a fresh one held to them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nextgpt_mini.train.card.figures import Figures, kept, off, table
from nextgpt_mini.train.card.gallery import write_gallery
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.content import replace_file
from nextgpt_registry.errors import RequestError

CARD, FIGURES, GALLERY = "model-card.md", "figures.json", "gallery.md"
_GALLERY_OF = "any2any"


def write(evaluations: Sequence[Path], out: Path) -> list[Path]:
    """Write the figures, put their tables into the card, and make the gallery.

    Figures of suites that are not among the evaluations stay as they are.

    Raises:
        RequestError: a folder holds no finished evaluation, or there is no card to fill.
    """
    reports = {folder: _report(folder) for folder in evaluations}
    card = out / CARD
    if not card.is_file():
        raise RequestError(str(card), "there is no model card here", "give --out its folder")
    figures = {**_figures(out), **kept(list(reports.values()))}
    files = [
        replace_file(out / FIGURES, (json.dumps(figures, indent=1) + "\n").encode()),
        replace_file(card, filled(card.read_text("utf-8"), figures).encode()),
    ]
    for folder, report in reports.items():
        if report["suite"] == _GALLERY_OF:
            write_gallery(folder, out / GALLERY, Catalog.discover())
            files.append(out / GALLERY)
    return files


def check(evaluations: Sequence[Path], out: Path) -> list[str]:
    """Which figures of fresh evaluations do not agree with the card's.

    Raises:
        RequestError: a folder holds no finished evaluation, or one of a suite that the card has no
            figures of.
    """
    card = _figures(out)
    if not card:
        raise RequestError(
            str(out / FIGURES), "there are no figures here", "give --out the card's folder"
        )
    reports = {folder: _report(folder) for folder in evaluations}
    for folder, report in reports.items():
        if report["suite"] not in card:
            raise RequestError(
                str(folder),
                f"is of the suite {report['suite']}, and the card has figures of {', '.join(card)}",
                "write them first, without --check",
            )
    return [line for report in reports.values() for line in off(card, report)]


def filled(card: str, figures: Figures) -> str:
    """The card with what stands between `<!-- figures: SUITE -->` and `<!-- end -->` made anew."""

    def anew(found: re.Match[str]) -> str:
        own = figures.get(found["suite"])
        return found[0] if own is None else f"{found['begin']}\n{_shown(own)}\n{found['end']}"

    marks = r"(?P<begin><!-- figures: (?P<suite>\S+) -->)\n.*?(?P<end><!-- end -->)"
    return re.sub(marks, anew, card, flags=re.DOTALL)


def _shown(own: dict[str, Any]) -> str:
    told = []
    if own["directions"]:
        told.append(table(own))
    if "perplexity" in own:
        value, low, high = own["perplexity"]["ratio"]
        told.append(
            f"{value:.3f} ({low:.3f}-{high:.3f}) times that of the bare language model, on "
            f"{own['perplexity']['tokens']} tokens."
        )
    if "baseline" in own:
        told.append(_beside(own["baseline"]))
    told.append(f"Goals missed: {', '.join(own['goals_missed']) or 'none'}.")
    return "\n\n".join(told)


def _beside(found: dict[str, Any]) -> str:
    lines = ["| of its answers | mini | bare language model | ratio; of loops, difference |"]
    lines.append("| --- | --- | --- | --- |")
    for name in ("length", "lists", "code", "loops"):
        told = "{:.2f} ({:.2f}-{:.2f})".format(*found[name]) if found[name] else ""
        ours, theirs = (f"{found[side][name]:.3g}" for side in ("system", "base"))
        lines.append(f"| {name} | {ours} | {theirs} | {told} |")
    return "\n".join(lines)


def _figures(out: Path) -> Figures:
    path = out / FIGURES
    found: Figures = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return found


def _report(folder: Path) -> dict[str, Any]:
    path = folder / "report.json"
    if not path.is_file():
        raise RequestError(
            str(folder), "holds no finished evaluation", "run `nextgpt eval mini --out` there"
        )
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found
