"""Lay a conversation out with the tokenizer's chat template, and cut its text into ids.

Media and answers are put through the template as sentinels, random for each call, so that no
text can pass for one; what comes back is the template's own text with the slots in between.
A turn's `content` is one text, each medium between `<channel>` and `</channel>`; a template that
frames media in its own way reads `parts` instead: a list of `{"text": …}` and
`{"channel": …, "text": …}`, the text of a medium being its sentinel. An answer that ends in a
medium has that channel as `ends_with`. What a template writes after `{{ piece }}` is cut into
tokens on its own, as at the start of a text: some weights were trained on prompts made of pieces.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from transformers import PreTrainedTokenizerBase

from nextgpt_registry.errors import ConfigError, RequestError
from nextgpt_registry.messages import MediaPart, Message
from nextgpt_registry.text import check_text

PLAIN = (
    "{{ bos_token or '' }}{% for m in messages %}"
    "{{ m['role'] + ':\n' + m['content'] + (eos_token or '') + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant:\n' }}{% endif %}"
)
"""Used where the tokenizer brings no template: each turn under its role, ended by the eos."""


@dataclass(frozen=True)
class Literal:
    """Text of the template or of a turn; control tokens spelled in it are control tokens."""

    text: str


@dataclass(frozen=True)
class Quoted:
    """Text of a turn that spells control tokens, which must stay text."""

    text: str


@dataclass(frozen=True)
class Cut:
    """What follows is cut into tokens on its own, not as the continuation of the text before."""


@dataclass(frozen=True)
class MediumSlot:
    """Where a medium's features go."""

    part: MediaPart


@dataclass(frozen=True)
class AnswerSlot:
    """Where the whole content of an assistant turn goes."""

    message: int  # its index among the turns given


_BEFORE = "\n"
"""A text that nothing is merged with where starts are marked."""

Segment = Literal | Quoted | Cut | MediumSlot | AnswerSlot


class ChatTemplate:
    """A tokenizer's chat template, applied to ordered parts."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._template: str | None = None if tokenizer.chat_template else PLAIN
        control = [t for t in tokenizer.added_tokens_decoder.values() if t.special]
        spelled = {token.content for token in control} | set(tokenizer.all_special_tokens)
        self._control = re.compile("|".join(map(re.escape, sorted(spelled))) or r"(?!)")

    def lay_out(self, messages: Sequence[Message], *, answer: bool) -> list[Segment]:
        """Turns -> literal text with slots; with `answer`, ending where the next answer begins.

        Raises:
            ConfigError: the template refuses these roles, or loses a part.
        """
        slots: dict[str, Segment] = {}
        mark = f"zq{secrets.token_hex(8)}n"
        shown = [
            _message(message, self._parts(index, message, mark, slots))
            for index, message in enumerate(messages)
        ]
        rendered = self._render(shown, answer=answer, piece=mark)
        pieces = re.split(f"({mark}(?:\\d+z)?)", rendered)
        found = [piece for piece in pieces[1::2] if piece != mark]
        if found != list(slots):
            raise ConfigError(
                "llm.path",
                f"the chat template lost or moved parts of the conversation "
                f"({len(slots)} put in, {len(found)} came out)",
                "use a tokenizer whose chat template keeps every turn as it is",
            )
        segments: list[Segment] = []
        for place, piece in enumerate(pieces):
            if place % 2:
                segments.append(slots.get(piece, Cut()))
            elif piece:
                segments.append(Literal(piece))
        return segments

    def quote(self, text: str) -> Literal | Quoted:
        """Text of a turn as a segment: quoted if it spells a control token."""
        return Quoted(text) if self._control.search(text) else Literal(text)

    def _parts(
        self, index: int, message: Message, mark: str, slots: dict[str, Segment]
    ) -> list[dict[str, str]]:
        def slot(segment: Segment) -> str:
            name = f"{mark}{len(slots)}z"
            slots[name] = segment
            return name

        if message.role == "assistant":
            return [{"text": slot(AnswerSlot(index))}]
        parts = []
        for part in joined_text(message.parts):
            if isinstance(part, MediaPart):
                parts.append({"channel": part.channel, "text": slot(MediumSlot(part))})
            else:
                segment = self.quote(part)
                text = part if isinstance(segment, Literal) else slot(segment)
                parts.append({"text": text})
        return parts

    def _render(self, messages: list[dict[str, Any]], *, answer: bool, piece: str) -> str:
        options: dict[str, Any] = {"chat_template": self._template} if self._template else {}
        try:
            rendered = self._tokenizer.apply_chat_template(
                messages,
                tokenize=False,
                add_generation_prompt=answer,
                piece=piece,
                enable_thinking=False,  # templates that know it would open a hidden monologue
                **options,
            )
        except Exception as error:  # a TemplateError or, of a template's own code, anything
            roles = ", ".join(message["role"] for message in messages)
            why = str(error) or type(error).__name__
            raise ConfigError(
                "chat template",
                f"refuses turns in the roles {roles or '(none)'}: {why}",
                "begin with a user turn, let the roles alternate, and set no system_prompt where "
                "the model knows no system role",
            ) from error
        assert isinstance(rendered, str)
        return rendered


def _message(message: Message, parts: list[dict[str, str]]) -> dict[str, Any]:
    """A turn as a chat template is handed it."""
    texts = (
        f"<{part['channel']}>{part['text']}</{part['channel']}>"
        if "channel" in part
        else part["text"]
        for part in parts
    )
    said = joined_text(message.parts)
    last = said[-1] if said and message.role == "assistant" else ""
    ends = {"ends_with": last.channel} if isinstance(last, MediaPart) else {}
    return {"role": message.role, "content": "".join(texts), "parts": parts, **ends}


def joined_text(parts: Sequence[str | MediaPart]) -> list[str | MediaPart]:
    """The parts with neighbouring texts joined and empty ones left out."""
    found: list[str | MediaPart] = []
    for part in parts:
        if isinstance(part, str) and found and isinstance(found[-1], str):
            found[-1] += part
        elif part != "":
            found.append(part)
    return found


class TextIds:
    """What a tokenizer makes of texts, with nothing added, for a model of so many `rows`.

    Where it marks the start of a text, as SentencePiece does with a space of its own, a text that
    continues another one gets no such mark: pieces of one text then come to the ids of the whole.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, rows: int) -> None:
        self.tokenizer = tokenizer
        self.rows = rows

    def __call__(self, text: str, *, quoted: bool = False, continues: bool = False) -> list[int]:
        """Text -> ids. `quoted` keeps spelled control tokens text; `continues` marks no start.

        Raises:
            RequestError: it is no text, the tokenizer does not know a character, and has no token
                for such, or it holds a token that the model has no row for.
        """
        check_text(text)
        ids = self._cut(text, quoted=quoted, continues=continues)
        if quoted and set(ids) & set(self.tokenizer.all_special_ids):
            raise RequestError(
                "text", "spells a control token of this model", "leave the spelling out"
            )
        if (last := max(ids, default=0)) >= self.rows:
            raise RequestError(
                "text",
                f"holds the token {last}, and the model has rows for {self.rows}",
                "leave it out of the text, or of the chat template",
            )
        return ids

    def _cut(self, text: str, *, quoted: bool, continues: bool) -> list[int]:
        if continues and text and self._marks_starts:
            before, both = self._ids(_BEFORE), self._ids(_BEFORE + text, quoted=quoted)
            if both[: len(before)] == before:
                return both[len(before) :]
        return self._ids(text, quoted=quoted)

    @cached_property
    def _marks_starts(self) -> bool:
        return self._ids(_BEFORE + "a") != [*self._ids(_BEFORE), *self._ids("a")]

    def _ids(self, text: str, *, quoted: bool = False) -> list[int]:
        try:
            encoded = self.tokenizer(text, add_special_tokens=False, split_special_tokens=quoted)
        except Exception as error:  # `tokenizers` raises nothing narrower
            raise RequestError(
                "text",
                f"cannot be cut into tokens: {error}",
                "leave out what the model's tokenizer does not know, or give it an unknown token",
            ) from error
        ids: list[int] = encoded["input_ids"]
        return ids
