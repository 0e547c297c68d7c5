"""Signal tokens: their ids, how they are found in a stream, and which may be written when."""

from nextgpt_core.signal.grammar import Grammar, GrammarState
from nextgpt_core.signal.scanner import GroupSpan, Scanner, Span, StraySpan, TextSpan
from nextgpt_core.signal.vocabulary import Block, SignalVocabulary

__all__ = [
    "Block",
    "Grammar",
    "GrammarState",
    "GroupSpan",
    "Scanner",
    "SignalVocabulary",
    "Span",
    "StraySpan",
    "TextSpan",
]
