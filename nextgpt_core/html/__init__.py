"""Turns and answers as HTML fragments. What media look like comes from the plugins' hooks."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from nextgpt_core.answer import AnswerPart, FailedMedia, GeneratedMedia, Text
from nextgpt_core.demo.page import about
from nextgpt_core.intake.hooks import show_media
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.errors import NextGPTError
from nextgpt_registry.messages import Message, Part


def show_message(catalog: Catalog, message: Message) -> str:
    """Who speaks, and what."""
    return f"<small>{escape(message.role)}</small> {show_parts(catalog, message.parts)}"


def show_parts(catalog: Catalog, parts: Sequence[Part | AnswerPart]) -> str:
    """The parts of a message or an answer, in order."""
    return " ".join(_part(catalog, part) for part in parts)


def _part(catalog: Catalog, part: Part | AnswerPart) -> str:
    if isinstance(part, str | Text):
        return f"<span>{escape(part if isinstance(part, str) else part.text)}</span>"
    if isinstance(part, FailedMedia):
        return f'<span class="bad">{escape(part.channel)}: {escape(str(part.error))}</span>'
    caption = "" if isinstance(part, GeneratedMedia) else part.caption
    named = f"<i>[{escape(' '.join((part.channel, caption)).strip())}]</i>"
    if part.media is None:
        return named
    try:
        shown = show_media(catalog, part.media)
    except NextGPTError as error:
        return f'<span class="bad">{escape(str(error))}</span>'
    told = about(part.media)
    return f"{shown or named}" + (f"<small>{told}</small>" if told else "")
