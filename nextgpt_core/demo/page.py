"""A played conversation as one HTML page that needs nothing beside itself. Knows no modality."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from nextgpt_core.demo.play import Exchange, Played
from nextgpt_core.demo.script import TEXT
from nextgpt_core.html import render
from nextgpt_registry.catalog import Catalog

_COLUMNS = ("turn", "asked", "got", "first text", "language", "media", "all")


def page(played: Played, catalog: Catalog) -> str:
    """The whole page; `catalog` holds the plugins that show media."""
    ways: dict[tuple[str, str], list[Exchange]] = {}
    mixed = []
    for exchange in played.exchanges:
        given, want = exchange.line.given, exchange.line.want
        if len(given) == 1 and len(set(want)) == 1:
            ways.setdefault((given[0], want[0]), []).append(exchange)
        else:
            mixed.append(exchange)
    return render(
        "conversation.html",
        title=played.title or f"{played.system}: a conversation",
        played=played,
        catalog=catalog,
        names=list(dict.fromkeys([TEXT, *(name for way in ways for name in way)])),
        ways=ways,
        mixed=mixed,
        columns=_COLUMNS,
        timings=[*map(_row, played.exchanges), _total(played.exchanges)],
        arrow=_arrow,
        lacking=lacking,
        notes=_notes,
    )


def lacking(exchange: Exchange) -> str:
    """`asked for a, b, got text only`; empty if nothing is missing."""
    if not exchange.missing:
        return ""
    got = "text only" if exchange.got == (TEXT,) else counted(exchange.got) or "nothing"
    return f"asked for {counted(exchange.line.want)}, got {got}"


def counted(names: Sequence[str]) -> str:
    """`a, 2 b`: names in order, repeated ones with their number."""
    counts = Counter(names)
    return ", ".join(name if n == 1 else f"{n} {name}" for name, n in counts.items())


def _arrow(exchange: Exchange) -> str:
    return f"{counted(exchange.line.given)} → {counted(exchange.line.want)}"


def _notes(exchange: Exchange) -> list[str]:
    answer = exchange.answer
    notes = [f"seed {answer.seed}", f"{answer.timings.generated_tokens} tokens"]
    if answer.finish == "length":
        notes.append("cut off at its limit of tokens")
    if exchange.unasked:
        notes.append(f"not asked for: {counted(exchange.unasked)}")
    return [*notes, *answer.notes]


def _row(exchange: Exchange) -> tuple[str, ...]:
    timings, first = exchange.answer.timings, exchange.answer.timings.first_text_s
    media = sum(made.seconds for made in exchange.answer.media)
    return (
        str(exchange.number),
        _arrow(exchange),
        counted(exchange.got),
        "" if first is None else f"{first:.2f}",
        f"{timings.language_s:.2f}",
        f"{media:.2f}" if exchange.answer.media else "",
        f"{timings.total_s:.2f}",
    )


def _total(exchanges: Sequence[Exchange]) -> tuple[str, ...]:
    answers = [exchange.answer for exchange in exchanges]
    media = sum(made.seconds for answer in answers for made in answer.media)
    language = sum(answer.timings.language_s for answer in answers)
    whole = sum(answer.timings.total_s for answer in answers)
    return "all", "", "", "", f"{language:.2f}", f"{media:.2f}", f"{whole:.2f}"
