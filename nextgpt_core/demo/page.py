"""A played conversation as one HTML page that needs nothing beside itself. Knows no modality.

What media look like comes from the plugins (`nextgpt_show_media`); all else is escaped. The page
refuses to load anything from elsewhere, whatever a plugin wrote.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib.resources import files
from itertools import groupby

from nextgpt_core.answer import AnswerPart, FailedMedia, GeneratedMedia, Text
from nextgpt_core.demo.play import Exchange, Played
from nextgpt_core.demo.script import TEXT
from nextgpt_core.intake.hooks import show_media
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.errors import NextGPTError
from nextgpt_registry.media import Media
from nextgpt_registry.messages import MediaPart, Part

_ALONE = "default-src data: 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_COLUMNS = ("turn", "asked", "got", "first text", "language", "media", "all")
_JUDGED = (
    "Checked here: that an answer holds what was asked for. Not checked: whether it is the right "
    "one."
)


def page(played: Played, catalog: Catalog) -> str:
    """The whole page; `catalog` holds the plugins that show media."""
    title = escape(played.title or f"{played.system}: a conversation")
    style = files("nextgpt_core.demo").joinpath("page.css").read_text("utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_ALONE}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f"<h1>{title}</h1>\n{_summary(played)}{_directions(played.exchanges)}"
        f"<main>\n{''.join(_talks(played, catalog))}</main>\n"
        f"{_timings(played)}{_footer(played)}</body>\n</html>\n"
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


def _summary(played: Played) -> str:
    whole = len(played.exchanges)
    held = whole - len(played.missed)
    mark = "bad" if played.missed else "good"
    return (
        f"<p><b>{escape(played.system)}</b> · {whole} turns in {len(played.talks)} conversations · "
        f'<span class="{mark}">{held} of {whole} answers hold what was asked for</span></p>\n'
        f'<p class="soft">answered in {played.answering_s:.1f} s, '
        f"after {played.load_s:.1f} s of loading</p>\n"
    )


def _directions(exchanges: Sequence[Exchange]) -> str:
    """From each to each, with the turns that went that way; mixed turns are listed below."""
    single = [e for e in exchanges if len(e.line.given) == 1 and len(set(e.line.want)) == 1]
    names = list(dict.fromkeys([TEXT, *(n for e in single for n in (*e.line.given, *e.line.want))]))
    mixed = [e for e in exchanges if len(e.line.given) > 1 or len(set(e.line.want)) > 1]
    cells = {given: "".join(_cell(single, given, want) for want in names) for given in names}
    rows = "".join(f"<tr><th>{escape(n)} →</th>{cells[n]}</tr>\n" for n in names)
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    also = f"<p>several at once: {' '.join(map(_link, mixed))}</p>\n" if mixed else ""
    return f'<nav class="wide"><table>\n<tr><th></th>{head}</tr>\n{rows}</table></nav>\n{also}'


def _cell(exchanges: Iterable[Exchange], given: str, want: str) -> str:
    here = [e for e in exchanges if e.line.given == (given,) and e.line.want[0] == want]
    return f"<td>{' '.join(map(_link, here)) or '·'}</td>"


def _link(exchange: Exchange) -> str:
    mark = '<span class="bad">✗</span>' if exchange.missing else '<span class="good">✓</span>'
    return f'<a href="#turn-{exchange.number}">{exchange.number}</a>{mark}'


def _talks(played: Played, catalog: Catalog) -> Iterator[str]:
    for talk, exchanges in groupby(played.exchanges, key=lambda exchange: exchange.talk):
        title = played.talks[talk - 1] or f"Conversation {talk}"
        turns = "".join(_turn(exchange, catalog) for exchange in exchanges)
        yield f"<section>\n<h2>{escape(title)}</h2>\n{turns}</section>\n"


def _turn(exchange: Exchange, catalog: Catalog) -> str:
    said = "".join(_shown(part, catalog) for part in exchange.line.parts)
    came = "".join(_shown(part, catalog) for part in exchange.answer.parts)
    number, timings = exchange.number, exchange.answer.timings
    told = [f"seed {exchange.answer.seed}", f"{timings.generated_tokens} tokens"]
    if exchange.answer.finish == "length":
        told.append("cut off at its limit of tokens")
    if exchange.unasked:
        told.append(f"not asked for: {escape(counted(exchange.unasked))}")
    told += map(escape, exchange.answer.notes)
    lacks = f'<p class="lacking">{escape(lacking(exchange))}</p>\n' if exchange.missing else ""
    return (
        f'<article class="turn" id="turn-{number}">\n'
        f'<header><a href="#turn-{number}">{number}</a>'
        f'<span class="direction">{escape(_arrow(exchange))}</span>'
        f'<span class="took">{timings.total_s:.1f} s</span></header>\n'
        f'<div class="bubble asked">{said}</div>\n<div class="bubble">{came}</div>\n{lacks}'
        f'<p class="soft">{" · ".join(told)}</p>\n</article>\n'
    )


def _shown(part: Part | AnswerPart, catalog: Catalog) -> str:
    match part:
        case str(text) | Text(text):
            return f"<p>{escape(text.strip())}</p>" if text.strip() else ""
        case GeneratedMedia(channel, media, seconds, prompt):
            told = f" · of the words “{escape(prompt)}”" if prompt else ""
            return _figure(channel, media, catalog, f" · made in {seconds:.1f} s{told}")
        case MediaPart(channel, Media() as media):
            return _figure(channel, media, catalog)
        case FailedMedia(channel, error):
            return f'<p class="bad">{escape(channel)} failed: {escape(str(error))}</p>'
        case _:
            return f'<p class="bad">{escape(part.channel)}</p>'


def about(media: Media) -> str:
    """What a medium's maker tells of it, as HTML: ` · source: cat.png`."""
    return "".join(f" · {escape(name)}: {escape(told)}" for name, told in media.about.items())


def _figure(channel: str, media: Media, catalog: Catalog, told: str = "") -> str:
    try:
        shown = show_media(catalog, media)
    except NextGPTError as error:
        shown = f'<span class="bad">{escape(str(error))}</span>'
    shown = shown or f'<span class="bad">no plugin shows {escape(media.modality)}</span>'
    caption = f"<figcaption>{escape(channel)}{told}{about(media)}</figcaption>"
    return f'<figure class="medium">{shown}{caption}</figure>'


def _timings(played: Played) -> str:
    head = "".join(f"<th{_right(column)}>{column}</th>" for column in _COLUMNS)
    rows = [*map(_row, played.exchanges), _total(played.exchanges)]
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{_right(column)}>{escape(cell)}</td>"
            for column, cell in zip(_COLUMNS, row, strict=True)
        )
        + "</tr>\n"
        for row in rows
    )
    return (
        "<details>\n<summary>Timings, in seconds</summary>\n"
        f'<div class="wide"><table>\n<tr>{head}</tr>\n{body}</table></div>\n'
        '<p class="soft">From the start of a request: its first text, the last token of the '
        "language model, everything. Media: what the decoders took, one after the other or "
        "at once.</p>\n</details>\n"
    )


def _row(exchange: Exchange) -> tuple[str, ...]:
    timings, first = exchange.answer.timings, exchange.answer.timings.first_text_s
    made = sum(made.seconds for made in exchange.answer.media)
    return (
        str(exchange.number),
        _arrow(exchange),
        counted(exchange.got),
        "" if first is None else f"{first:.2f}",
        f"{timings.language_s:.2f}",
        f"{made:.2f}" if exchange.answer.media else "",
        f"{timings.total_s:.2f}",
    )


def _total(exchanges: Sequence[Exchange]) -> tuple[str, ...]:
    answers = [exchange.answer for exchange in exchanges]
    made = sum(made.seconds for answer in answers for made in answer.media)
    language = sum(answer.timings.language_s for answer in answers)
    whole = sum(answer.timings.total_s for answer in answers)
    return "all", "", "", "", f"{language:.2f}", f"{made:.2f}", f"{whole:.2f}"


def _footer(played: Played) -> str:
    notes = "".join(f"<p>{escape(note)}</p>\n" for note in (*played.notes, _JUDGED))
    facts = " · ".join(f"{escape(name)} {escape(told)}" for name, told in played.facts.items())
    return f"<footer>\n{notes}<p>{facts}</p>\n</footer>\n"


def _arrow(exchange: Exchange) -> str:
    return f"{counted(exchange.line.given)} → {counted(exchange.line.want)}"


def _right(column: str) -> str:
    return "" if column in ("asked", "got") else ' class="number"'
