"""Cut a text into ids with nothing added. Knows no prompt.

Where a tokenizer marks the start of a text, as SentencePiece does with a space of its own, a text
that continues another one gets no such mark: pieces of one text then come to the ids of the whole.
"""

from __future__ import annotations

from functools import cached_property

from transformers import PreTrainedTokenizerBase

from nextgpt_registry.errors import RequestError

_BEFORE = "\n"
"""A text that nothing is merged with where starts are marked."""


class TextIds:
    """What a tokenizer makes of texts."""

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
