"""What is asked, as messages: a turn's parts, one message or a whole conversation.

Ours, or as chat APIs spell them. Knows no part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nextgpt_core.intake.arguments import listed, message
from nextgpt_core.intake.reading import PARTS, GivenPart, Reader
from nextgpt_core.intake.spelled import content_of, is_message, role_of
from nextgpt_registry.errors import RequestError
from nextgpt_registry.messages import MediaPart, Message

_FIX = (
    "give a list of Message(role, (text or MediaPart, …)), as `Conversation.messages` is, or of "
    '{"role": …, "content": …}'
)


def request(reader: Reader, given: GivenPart, history: Any) -> tuple[Message, ...]:
    """What is asked, after what was said before.

    Raises:
        MediaError: a medium cannot be read.
        RequestError: no channel takes it, or the last message is none of a user.
    """
    before = messages(reader, history)
    if isinstance(given, Iterator) and not hasattr(given, "read"):
        given = listed(given, "request", PARTS)
    given = [given] if is_message(given) else given
    if not (isinstance(given, list) and any(map(is_message, given))):
        return (*before, Message("user", reader.parts(given)))
    asked = messages(reader, given, "request")
    if asked[-1].role != "user":
        what = f"ends with a message of the {asked[-1].role}"
        raise RequestError("request", what, "end with one of the user")
    return (*before, *asked)


def messages(reader: Reader, given: Any, who: str = "history") -> tuple[Message, ...]:
    """Messages, whose media are read.

    Raises:
        MediaError: a medium cannot be read.
        RequestError: one of them is no message.
    """
    return tuple(
        _message(reader, one, f"{who}[{place}]")
        for place, one in enumerate(listed(given, who, _FIX))
    )


def _message(reader: Reader, given: Any, who: str) -> Message:
    if not (isinstance(given, Mapping) and is_message(given)):
        return message(given, who, _FIX)
    role = role_of(given, who)
    parts = listed(content_of(given, who), f"{who}.content", "give a text, or a list of parts")
    own = role == "assistant"  # its media may be of channels that take none, and be gone
    return message(
        Message(
            role, tuple(p if own and isinstance(p, MediaPart) else reader.part(p) for p in parts)
        ),
        who,
        _FIX,
    )
