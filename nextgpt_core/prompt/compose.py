"""Make one sequence of positions from a conversation. Knows nothing about weights or tensors.

A position is a token id or one token of a medium's features. Every place that anything later
needs (features, signal groups, labels) is counted in these positions, so hidden states and labels
can never be out of step, however many media stand in the same conversation.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property

from transformers import PreTrainedTokenizerBase

from nextgpt_core.prompt.positions import Draft, FeatureKey, Prompt
from nextgpt_core.prompt.template import (
    AnswerSlot,
    ChatTemplate,
    Cut,
    Literal,
    MediumSlot,
    Quoted,
    joined_text,
)
from nextgpt_core.signal.grammar import SignalVocabulary
from nextgpt_registry.errors import RequestError
from nextgpt_registry.messages import MediaPart, Message
from nextgpt_registry.text import check_text

_BEFORE = "\n"
"""A text that nothing is merged with where starts are marked."""


class Composer:
    """Turns into prompts, through a tokenizer's chat template.

    `end_of_turn` are the ids the model ends an answer with, as far as they are known; the
    template's own is added to them. Where the template ends an answer with one of the strings
    `stops`, what ends it is that string and no id. A system prompt is put before conversations
    without one.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        vocabulary: SignalVocabulary,
        *,
        end_of_turn: Collection[int] = (),
        stops: Collection[str] = (),
        system_prompt: str | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.vocabulary = vocabulary
        self.system_prompt = system_prompt
        self._known_ends = frozenset(end_of_turn)
        self._stops = tuple(stops)
        self._template = ChatTemplate(tokenizer)
        self._cut = TextIds(tokenizer)

    def compose(
        self,
        messages: Sequence[Message],
        *,
        feature_tokens: Mapping[str, int] | Mapping[str | FeatureKey, int],
        answered: Mapping[int, Sequence[int]] | None = None,
        answer: bool = True,
    ) -> Prompt:
        """A conversation as positions, ending where an answer begins if `answer` is set.

        `feature_tokens` says how many positions a medium takes, by channel or, where that varies,
        by (channel, sha256). `answered` holds, by index into `messages`, the exact ids (without the
        end of turn) of assistant turns that this model wrote: tokenising their text again might
        cut it differently and lose the cached prefix. Labels are set on assistant turns only: on
        text, on the first signal of each group (the rest is certain) and on the end of turn.

        Raises:
            RequestError: a medium stands in a channel that cannot carry it.
            ConfigError: the chat template cannot lay these turns out.
        """
        draft = Draft(self.vocabulary, {k: n for k, n in feature_tokens.items()})
        written, shift = answered or {}, 0
        if self.system_prompt is not None and not (messages and messages[0].role == "system"):
            messages, shift = [Message("system", (self.system_prompt,)), *messages], 1
        continues = after_answer = False
        for segment in self._template.lay_out(messages, answer=answer):
            match segment:
                case Literal(text):
                    end, rest = self._ended(text, continues) if after_answer else ([], None)
                    draft.tokens(end, labelled=True)
                    draft.tokens(self.tokenize(text, continues=continues) if rest is None else rest)
                case Quoted(text):
                    draft.tokens(self.tokenize(text, quoted=True, continues=continues))
                case MediumSlot(part):
                    draft.medium(part)
                case AnswerSlot(index):
                    said = messages[index]
                    ids = written.get(index - shift)
                    draft.answer(self.answer_ids(said) if ids is None else ids, said.media)
            if not isinstance(segment, Cut):
                after_answer = isinstance(segment, AnswerSlot)
            continues = draft.ends_in_text and not isinstance(segment, Cut)
        return draft.prompt()

    def answer_ids(self, message: Message) -> list[int]:
        """The ids of an assistant turn: its text, and a signal group for each medium."""
        ids: list[int] = []
        for part in joined_text(message.parts):
            if isinstance(part, MediaPart):
                ids += self._group(part.channel)
            else:
                ids += self.tokenize(part, quoted=isinstance(self._template.quote(part), Quoted))
        return ids

    def tokenize(self, text: str, *, quoted: bool = False, continues: bool = False) -> list[int]:
        """Text -> ids, with nothing added.

        `quoted` keeps spelled control tokens text; text that `continues` other text is cut as in
        one with it.

        Raises:
            RequestError: it is no text, or holds a token that the model has no row for.
        """
        check_text(text)
        ids = self._cut(text, quoted=quoted, continues=continues)
        if quoted and set(ids) & set(self.tokenizer.all_special_ids):
            raise RequestError(
                "text", "spells a control token of this model", "leave the spelling out"
            )
        _check_ids(ids, rows=self.vocabulary.base)
        return ids

    @cached_property
    def longest_token(self) -> int:
        """The most characters that a token of text stands for, and 64 at the least."""
        return max(64, *map(len, self.tokenizer.get_vocab()))

    @cached_property
    def end_ids(self) -> frozenset[int]:
        """The ids that end an answer: those known, and what the template puts after one."""
        messages = (Message("user", ("a",)), Message("assistant", ("a",)))
        after = self._template.lay_out(messages, answer=False)[-1]
        if not isinstance(after, Literal) or self._stop_length(after.text):
            return self._known_ends
        ids = self.tokenize(after.text, continues=True)
        special = self._known_ends | set(self.tokenizer.all_special_ids)
        ends = next((token for token in ids if token in special), next(iter(ids), None))
        return self._known_ends | ({ends} if ends is not None else set())

    @cached_property
    def never_ids(self) -> frozenset[int]:
        """Base ids no answer may hold: control tokens that end nothing, and rows of no token."""
        rows = frozenset(range(self.vocabulary.base))
        tokens = rows & set(self.tokenizer.get_vocab().values())  # their ids may have holes
        return (rows - tokens | rows & set(self.tokenizer.all_special_ids)) - self.end_ids

    def _ended(self, text: str, continues: bool) -> tuple[list[int], list[int]]:
        """The ids after an answer: those that end it, and the rest."""
        if length := self._stop_length(text):
            end = self.tokenize(text[:length], continues=continues)
            return end, self.tokenize(text[length:], continues=True)
        ids = self.tokenize(text, continues=continues)
        length = next((n for n, token in enumerate(ids, 1) if token in self.end_ids), 0)
        return ids[:length], ids[length:]

    def _stop_length(self, text: str) -> int:
        """The characters up to the end of the first stop string; 0 if there is none."""
        ends = [text.find(stop) + len(stop) for stop in self._stops if stop in text]
        return min(ends, default=0)

    def _group(self, channel: str) -> tuple[int, ...]:
        if channel not in self.vocabulary.channels:
            have = ", ".join(self.vocabulary.channels) or "none"
            raise RequestError(
                f"assistant turn with {channel!r}",
                "this system makes no such media",
                f"channels that make media: {have}",
            )
        return self.vocabulary.block(channel).ids


class TextIds:
    """What a tokenizer makes of texts, with nothing added.

    Where it marks the start of a text, as SentencePiece does with a space of its own, a text that
    continues another one gets no such mark: pieces of one text then come to the ids of the whole.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer

    def __call__(self, text: str, *, quoted: bool, continues: bool) -> list[int]:
        """Text -> ids. `quoted` keeps spelled control tokens text; `continues` marks no start.

        Raises:
            RequestError: the tokenizer does not know a character, and has no token for such.
        """
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
            encoded = self._tokenizer(text, add_special_tokens=False, split_special_tokens=quoted)
        except Exception as error:  # `tokenizers` raises nothing narrower
            raise RequestError(
                "text",
                f"cannot be cut into tokens: {error}",
                "leave out what the model's tokenizer does not know, or give it an unknown token",
            ) from error
        ids: list[int] = encoded["input_ids"]
        return ids


def _check_ids(ids: Sequence[int], *, rows: int) -> None:
    """Hold that the ids of a text have rows in the embedding: those behind them are signals.

    Raises:
        RequestError: one has none.
    """
    if (last := max(ids, default=0)) >= rows:
        raise RequestError(
            "text",
            f"holds the token {last}, and the model has rows for {rows}",
            "leave it out of the text, or of the chat template",
        )
