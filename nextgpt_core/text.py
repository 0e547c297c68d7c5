"""What is text, and what only looks like it. Knows no tokenizer."""

from __future__ import annotations

from nextgpt_registry.errors import RequestError


def check_text(text: str, who: str = "text") -> None:
    """Hold that a string can be written as UTF-8, which tokenizers and files take.

    Raises:
        RequestError: it holds half of a surrogate pair, as text has that was decoded wrongly.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise RequestError(
            who,
            f"holds half a character, {text[error.start]!a} at {error.start}",
            "decode it as what it is (UTF-8, or UTF-16 in pairs), or leave it out",
        ) from error
