"""The caption route: which words of the conversation say what a medium should be.

A decoder on this route gets a sentence instead of projected states, so it works before any
output projection is trained. It is the last sentence that the model wrote since the medium before
that describes something: no question, no offer and no courtesy, as far as English ones can be told
by how they read. Where there is none, it is what the user said last. Knows nothing about tokens.
"""

# ruff: noqa: RUF001 (quotation marks and full stops of other scripts are meant)
from __future__ import annotations

import re
from collections.abc import Sequence

from nextgpt_registry.messages import Message

_ENDS = re.compile(
    r"(?<!\b(?:Mr|Ms|Dr|St|vs)\.)(?<!\bMrs\.)(?<!\b[A-Z]\.)(?<=[.!?…])[\"'”’)*_]*\s+|(?<=[。！？])|\n+"
)
_OFFERS = re.compile(
    r"\b(let me know|feel free|(do not|don't) hesitate|would you like|do you (want|like)|shall i"
    r"|(just )?(tell|ask) me (if|what|whether)\b|just ask\b|i can also|if that helps"
    r"|is there anything|anything else|if you(('d| would)? (like|prefer)| want| need)"
    r"|(?<!\w )i hope|hope (you|this|that|it)\b|i('m| am|'d be| would be) (happy|glad)"
    r"|(happy|glad) to help|you're welcome|(?<!\w )thanks? (you|for))\b|^enjoy\b",
    re.IGNORECASE,
)
_COURTESIES = re.compile(
    r"(sure( thing)?|certainly|of course|absolutely|ok(ay)?|yes|great|done|no problem|as requested"
    r"|cheers|good luck|voil[aà]|have (a|fun)( (good|great|nice|lovely|wonderful) (day|one|time))?"
    r"|(here|there) (you (are|go)|it is|they are|we go)|[\s,;:.!…-])+",
    re.IGNORECASE,
)
_TRAILING = re.compile(r"\b(and|but|so|please)$", re.IGNORECASE)
_QUESTION = re.compile(r"[?？][\"'”’)*_\s]*$")


def caption(written: str, messages: Sequence[Message]) -> str:
    """The caption of a group that comes after the answer's text `written`."""
    said = next((message.text for message in reversed(messages) if message.role == "user"), "")
    return last_description(written) or " ".join(said.split())


def last_description(text: str) -> str:
    """The last sentence or line that describes something, without its closing colon; or ""."""
    found = (_described(sentence) for sentence in reversed(_ENDS.split(text)))
    return next(filter(None, found), "")


def _described(sentence: str | None) -> str:
    """What a sentence describes, without the offer that it may end with."""
    plain = (sentence or "").replace("’", "'").strip()
    if _QUESTION.search(plain):
        return ""
    if offer := _OFFERS.search(plain):
        plain = plain[: offer.start()]
        while found := _TRAILING.search(plain := plain.rstrip(" ,;–—-"), max(0, len(plain) - 8)):
            plain = plain[: found.start()]
    if not re.search(r"\w", plain) or _COURTESIES.fullmatch(plain):
        return ""
    return plain.removesuffix(":").strip("*_ ")
