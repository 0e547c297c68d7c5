"""What ends an answer, and what none may hold. Knows no prompt.

Either an id does, or a string of which the model's template makes several.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property

from nextgpt_core.prompt.template import ChatTemplate, Literal, TextIds
from nextgpt_registry.messages import Message


class Ends:
    """`known` are ids that end an answer; the template's own is added to them.

    Where the template ends an answer with one of the strings `stops`, what ends it is that string
    and no id.
    """

    def __init__(
        self,
        template: ChatTemplate,
        cut: TextIds,
        *,
        known: Collection[int],
        stops: Collection[str],
    ) -> None:
        self._template = template
        self._cut = cut
        self._special = frozenset(cut.tokenizer.all_special_ids)
        self._known = frozenset(known)
        self._stops = tuple(stops)

    @cached_property
    def ids(self) -> frozenset[int]:
        """The ids that end an answer: those known, and what the template puts after one."""
        messages = (Message("user", ("a",)), Message("assistant", ("a",)))
        after = self._template.lay_out(messages, answer=False)[-1]
        if not isinstance(after, Literal) or self._stop_length(after.text):
            return self._known
        ids = self._cut(after.text, continues=True)
        special = self._known | self._special
        ends = next((token for token in ids if token in special), next(iter(ids), None))
        return self._known | ({ends} if ends is not None else set())

    @cached_property
    def never(self) -> frozenset[int]:
        """Base ids no answer may hold: control tokens that end nothing, and rows of no token."""
        rows = frozenset(range(self._cut.rows))
        tokens = rows & set(self._cut.tokenizer.get_vocab().values())  # their ids may have holes
        return (rows - tokens | rows & self._special) - self.ids

    def split(self, text: str, continues: bool) -> tuple[list[int], list[int]]:
        """The ids after an answer: those that end it, and the rest."""
        if length := self._stop_length(text):
            end = self._cut(text[:length], continues=continues)
            return end, self._cut(text[length:], continues=True)
        ids = self._cut(text, continues=continues)
        length = next((n for n, token in enumerate(ids, 1) if token in self.ids), 0)
        return ids[:length], ids[length:]

    def _stop_length(self, text: str) -> int:
        """The characters up to the end of the first stop string; 0 if there is none."""
        ends = [text.find(stop) + len(stop) for stop in self._stops if stop in text]
        return min(ends, default=0)
