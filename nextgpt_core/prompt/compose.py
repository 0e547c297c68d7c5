"""Make one sequence of positions from a conversation. Knows nothing about weights or tensors.

A position is a token id or one token of a medium's features. Every place that anything later
needs (features, signal groups, labels) is counted in these positions, so hidden states and labels
can never be out of step, however many media stand in the same conversation.

Legend: T' positions of a medium, N of all media, D width of the language model.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from nextgpt_core.prompt.ends import Ends
from nextgpt_core.prompt.template import (
    AnswerSlot,
    ChatTemplate,
    Cut,
    Literal,
    MediumSlot,
    Quoted,
    TextIds,
    joined_text,
)
from nextgpt_core.signal.grammar import SignalVocabulary
from nextgpt_registry.errors import RequestError
from nextgpt_registry.media import Media
from nextgpt_registry.messages import MediaPart, Message

FEATURE = -1
"""The id of a position that holds a feature."""
UNLABELLED = -100
"""The label of a position that is not trained on."""

FeatureKey = tuple[str, str]
"""(channel, sha256 of the medium): what projected features are kept under."""


@dataclass(frozen=True)
class FeatureSlot:
    """Positions `start` to `start + count - 1` hold a medium's features."""

    channel: str
    start: int
    count: int
    media: Media
    caption: str = ""

    @property
    def end(self) -> int:
        """One past the last position."""
        return self.start + self.count

    @property
    def key(self) -> FeatureKey:
        """What the features are looked up by."""
        return self.channel, self.media.sha256


@dataclass(frozen=True)
class GroupSlot:
    """Positions `start` to `start + count - 1` hold a signal group of an assistant turn."""

    channel: str
    start: int
    count: int
    part: MediaPart | None  # None where only the generated ids are known


@dataclass(frozen=True)
class Prompt:
    """One sequence of T positions."""

    ids: tuple[int, ...]  # `FEATURE` where a feature stands
    keys: tuple[Hashable, ...]  # equal keys from the start on: equal keys and values in the LLM
    labels: tuple[int, ...]  # of each position itself, not of the next; `UNLABELLED` elsewhere
    features: tuple[FeatureSlot, ...] = ()
    groups: tuple[GroupSlot, ...] = ()

    def __len__(self) -> int:
        """T."""
        return len(self.ids)

    def rows(self, features: Mapping[FeatureKey, Tensor], *, start: int = 0) -> Tensor | None:
        """Features (T', D) of media -> (N, D), one for each `FEATURE` from position `start` on."""
        shown = [slot for slot in self.features if slot.end > start]
        found = [features[slot.key][max(0, start - slot.start) :] for slot in shown]
        return torch.cat(found) if found else None


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
        self._template = ChatTemplate(tokenizer)
        self._cut = TextIds(tokenizer, vocabulary.base)
        self.ends = Ends(self._template, self._cut, known=end_of_turn, stops=stops)

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
                    end, rest = self.ends.split(text, continues) if after_answer else ([], None)
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
        return self._cut(text, quoted=quoted, continues=continues)

    @cached_property
    def longest_token(self) -> int:
        """The most characters that a token of text stands for, and 64 at the least."""
        return max(64, *map(len, self.tokenizer.get_vocab()))

    def _group(self, channel: str) -> tuple[int, ...]:
        if channel not in self.vocabulary.channels:
            have = ", ".join(self.vocabulary.channels) or "none"
            raise RequestError(
                f"assistant turn with {channel!r}",
                "this system makes no such media",
                f"channels that make media: {have}",
            )
        return self.vocabulary.block(channel).ids


class Draft:
    """A prompt being written. `feature_tokens` says how many positions media take."""

    def __init__(
        self, vocabulary: SignalVocabulary, feature_tokens: Mapping[str | FeatureKey, int]
    ) -> None:
        self._vocabulary = vocabulary
        self._feature_tokens = feature_tokens
        self._ids: list[int] = []
        self._keys: list[Hashable] = []
        self._labels: list[int] = []
        self._features: list[FeatureSlot] = []
        self._groups: list[GroupSlot] = []

    def tokens(self, ids: Sequence[int], *, labelled: bool = False) -> None:
        """Add ids, as labels too if they are to be learned."""
        vocabulary = self._vocabulary
        self._ids += ids
        self._keys += ids
        self._labels += [
            t if labelled and (t < vocabulary.base or vocabulary.is_first(t)) else UNLABELLED
            for t in ids
        ]

    @property
    def ends_in_text(self) -> bool:
        """Whether the last position is an id of the base vocabulary."""
        return bool(self._ids) and 0 <= self._ids[-1] < self._vocabulary.base

    def medium(self, part: MediaPart) -> None:
        """Add the positions of a medium that is read."""
        if part.media is None:
            raise RequestError(
                f"user turn with {part.channel!r}", "holds no medium", "give the MediaPart media"
            )
        key = part.channel, part.media.sha256
        count = self._feature_tokens.get(key, self._feature_tokens.get(part.channel))
        if count is None:
            names = sorted({k if isinstance(k, str) else k[0] for k in self._feature_tokens})
            raise RequestError(
                f"user turn with {part.channel!r}",
                "this system reads no such media",
                f"channels that read media: {', '.join(names) or 'none'}",
            )
        self._features.append(
            FeatureSlot(part.channel, len(self._ids), count, part.media, part.caption)
        )
        self._ids += [FEATURE] * count
        self._keys += [(*key, place) for place in range(count)]
        self._labels += [UNLABELLED] * count

    def answer(self, ids: Sequence[int], media: Sequence[MediaPart]) -> None:
        """Add an assistant turn, of these media as far as they are known."""
        parts, start = iter(media), len(self._ids)
        self._groups += [
            GroupSlot(block.channel, start + place, block.count, next(parts, None))
            for place, block in self._vocabulary.groups(ids)
        ]
        self.tokens(ids, labelled=True)

    def prompt(self) -> Prompt:
        """What was written."""
        return Prompt(
            tuple(self._ids),
            tuple(self._keys),
            tuple(self._labels),
            tuple(self._features),
            tuple(self._groups),
        )


def common_prefix(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """How many keys two prompts share from the start."""
    for place, (left, right) in enumerate(zip(a, b, strict=False)):
        if left != right:
            return place
    return min(len(a), len(b))
