"""Every prompt with its answer on one HTML page, under the figures. Knows no modality.

What media look like comes from the plugins' hooks; nothing is fetched when the page is opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from nextgpt_core.evaluation.asking import Asked
from nextgpt_core.evaluation.confusion import concept_counts, plot
from nextgpt_core.evaluation.scores import JUDGED, METRICS, Result, confusions
from nextgpt_core.evaluation.show import show_message, show_parts
from nextgpt_registry.catalog import Catalog

_ALONE = "default-src data: 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = """
body{font:15px/1.4 system-ui,sans-serif;margin:2rem;color:#222;background:#fff}
table{border-collapse:collapse;margin:1rem 0}th,td{padding:.25rem .7rem;text-align:left}
tr+tr{border-top:1px solid #ddd}.bad{color:#b00}.good{color:#070}small{color:#777}
.items{display:grid;grid-template-columns:repeat(auto-fill,minmax(17rem,1fr));gap:1rem}
.item{border:1px solid #ddd;border-radius:.5rem;padding:.6rem}.item.wrong{border-color:#d88}
.item *{max-width:100%}
.answer{margin-top:.5rem;padding-top:.5rem;border-top:1px dashed #ccc}
"""


def fragment(catalog: Catalog, asked: Asked) -> str:
    """What was asked and answered, as it stands on the sheet."""
    said = "<br>".join(show_message(catalog, message) for message in asked.messages)
    came = show_parts(catalog, asked.answer.parts) if asked.answer else ""
    return f'<div>{said}</div><div class="answer">{came}</div>'


def sheet(report: Mapping[str, Any], shown: Sequence[tuple[Result, str]]) -> str:
    """The page of an evaluation."""
    title = escape(f"{report['system']}: {report['suite']}")
    by_direction: dict[str, list[tuple[Result, str]]] = {}
    for result, html in shown:
        if not result.skipped:
            by_direction.setdefault(result.direction, []).append((result, html))
    sections = "".join(
        f'<h2 id="{escape(name)}">{escape(name)}</h2><div class="items">'
        f"{''.join(_item(result, html) for result, html in items)}</div>\n"
        for name, items in sorted(by_direction.items())
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_ALONE}">\n'
        f"<style>{_STYLE}</style></head><body>\n<h1>{title}</h1>\n"
        f"<p>{report['n']} prompts. Each figure with its 95 % interval, averaged over concepts.</p>"
        f"\n{_figures(report)}{_perplexity(report)}{_distances(report)}{_ceilings(report)}"
        f"{_confusions(shown)}{sections}</body></html>\n"
    )


def percent(figure: Sequence[float] | None) -> str:
    """`83 % (70-91)`, or a dot where nothing was asked for."""
    if figure is None:
        return "·"
    value, low, high = (round(100 * part) for part in figure)
    return f"{value} % ({low}-{high})"


def beside(ceiling: float | None) -> str:
    """` of 98.7 %`: what a flawless system would be given; empty where no judge is asked."""
    return "" if ceiling is None else f" of {ceiling:.1%}"


def _figures(report: Mapping[str, Any]) -> str:
    head = "".join(f"<th>{metric.replace('_', ' ')}</th>" for metric in METRICS)
    rows = ""
    for name, figures in report["directions"].items():
        cells = ""
        for metric in METRICS:
            ceiling = beside(figures["ceiling"][metric]) if metric in JUDGED else ""
            cells += _cell(
                f"{percent(figures[metric])}<small>{ceiling}</small>",
                report["goals"].get(f"{name}/{metric}"),
            )
        link = f'<a href="#{escape(name)}">{escape(name)}</a>'
        rows += f"<tr><th>{link}</th><td>{figures['n']}</td>{cells}</tr>\n"
    return f"<table><tr><th>direction</th><th>n</th>{head}</tr>\n{rows}</table>\n" if rows else ""


def _cell(shown: str, goal: Mapping[str, Any] | None) -> str:
    if goal is None:
        return f"<td>{shown}</td>"
    wanted = f"<small>goal {goal['at']} {goal['goal']:.1%}</small>"
    return f'<td class="{"good" if goal["met"] else "bad"}">{shown} {wanted}</td>'


def _perplexity(report: Mapping[str, Any]) -> str:
    found = report.get("perplexity")
    if not found:
        return ""
    value, low, high = found["ratio"]
    ratio = _cell(f"{value} ({low}-{high})", report["goals"].get("perplexity/ratio"))
    return (
        "<h2>Perplexity of answers</h2><table><tr><th>dialogues</th><th>tokens</th><th>system</th>"
        "<th>bare language model</th><th>ratio</th></tr>"
        f"<tr><td>{found['n']}</td><td>{found['tokens']}</td><td>{found['system']}</td>"
        f"<td>{found['base']}</td>{ratio}</tr></table>\n"
    )


def _distances(report: Mapping[str, Any]) -> str:
    rows = ""
    for kind, found in report.get("distances", {}).items():
        told = ", ".join(f"{escape(name)} {escape(str(value))}" for name, value in found.items())
        rows += f"<tr><th>{escape(kind)}</th><td>{told}</td></tr>\n"
    return f"<h2>Distance to real media</h2><table>{rows}</table>\n" if rows else ""


def _ceilings(report: Mapping[str, Any]) -> str:
    rows = ""
    for kind, facts in report["judges"].items():
        told = ", ".join(
            f"{escape(fact)} {value:.1%}" if isinstance(value, float) else escape(str(value))
            for fact, value in facts.items()
        )
        rows += f"<tr><th>{escape(kind)}</th><td>{told}</td></tr>\n"
    return f"<h2>What the judges get right on real media</h2><table>{rows}</table>\n"


def _confusions(shown: Sequence[tuple[Result, str]]) -> str:
    results = [result for result, _ in shown if not result.skipped]
    plots = "".join(
        f"<h3>{escape(kind)}: {escape(fact)}</h3>{plot(counts)}\n"
        for (kind, fact), counts in concept_counts(results).items()
    )
    rows = "".join(
        f"<tr><td>{escape(fact)}</td><td>{escape(wanted)}</td><td>{escape(told)}</td>"
        f"<td>{count}</td></tr>\n"
        for fact, wanted, told, count in confusions(results)
    )
    head = "<tr><th>fact</th><th>wanted</th><th>found</th><th>times</th></tr>"
    table = f"<table>{head}{rows}</table>\n" if rows else ""
    return f"<h2>Taken for another</h2>{plots}{table}" if plots or table else ""


def _item(result: Result, shown: str) -> str:
    right = result.structure and result.concept is not False and result.attributes is not False
    wanted = "; ".join(
        f"{kind} {' '.join(facts.values())}".strip()
        for kind, facts in zip(result.expected, result.wanted, strict=True)
    )
    told = "; ".join(
        "nothing" if facts is None else " ".join(facts.values()) for facts in result.judged
    )
    error = f'<p class="bad">{escape(result.error)}</p>' if result.error else ""
    return (
        f'<div class="item{"" if right else " wrong"}">{shown}{error}'
        f"<p><small>wanted {escape(wanted)}<br>judged {escape(told)}</small></p></div>\n"
    )
