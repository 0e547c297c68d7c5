"""Signal tokens: their ids, their rows, and which may be written when."""

from nextgpt_core.signal.grammar import Block, Grammar, GrammarState, SignalVocabulary

__all__ = [
    "Block",
    "Grammar",
    "GrammarState",
    "SignalVocabulary",
]
