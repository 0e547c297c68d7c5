"""Signal tokens: their ids, their rows, and which may be written when."""

from nextgpt_core.signal.grammar import Grammar, GrammarState
from nextgpt_core.signal.vocabulary import Block, SignalVocabulary

__all__ = [
    "Block",
    "Grammar",
    "GrammarState",
    "SignalVocabulary",
]
