"""Pages and fragments of HTML, by the Jinja2 templates beside this file. Knows no modality.

All that is put into a template is escaped; what media look like comes from their plugins' hook
(`nextgpt_show_media`), as HTML. A page that extends `base.html` refuses to load anything from
elsewhere, whatever a plugin wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from nextgpt_core.answer import AnswerPart, FailedMedia, GeneratedMedia, Text
from nextgpt_core.intake.hooks import show_media
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.errors import NextGPTError
from nextgpt_registry.media import Media
from nextgpt_registry.messages import Part


def render(template: str, **values: Any) -> str:
    """A template of this folder, filled; a value that it names and does not get is an error."""
    return _environment().get_template(template).render(values)


def show_parts(catalog: Catalog, parts: Sequence[Part | AnswerPart]) -> str:
    """The parts of a message or an answer, in order, as a fragment."""
    macros: Any = _environment().get_template("parts.html").module
    return str(macros.parts(parts, catalog)).strip()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("nextgpt_core", "html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"view": _view, "show": _show}
    return environment


def _view(part: Part | AnswerPart) -> dict[str, Any]:
    """What stands on a page of a part: `text`, `media` under its words, or an `error`."""
    match part:
        case str(text) | Text(text):
            return {"text": text.strip()}
        case GeneratedMedia(channel, media, seconds, prompt):
            words = f" · of the words “{prompt}”" if prompt else ""
            return {"media": media, "words": f"{channel} · made in {seconds:.1f} s{words}"}
        case FailedMedia(channel, error):
            return {"error": f"{channel} failed: {error}"}
        case _:
            words = f"{part.channel}: {part.caption}" if part.caption else part.channel
            return {"media": part.media, "words": words}


def _show(catalog: Catalog, media: Media) -> Markup:
    try:
        shown = show_media(catalog, media)
    except NextGPTError as error:
        return Markup('<span class="bad">{}</span>').format(error)
    return Markup(shown) if shown else _NOBODY.format(media.modality)  # a plugin's own


_NOBODY = Markup('<span class="bad">no plugin shows {}</span>')
