"""How a language model goes on from what it has read. Knows no model family by name.

Families differ in what they keep of the past, what they call it, and whether several positions
may be read on top of it at once. `llm/probe.py` tries the ways listed here and keeps the first
that is right; whoever wants to know what a model can do (cut back, share a beginning) asks the
`Feeding` of its backbone.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from torch import nn
from transformers import PreTrainedConfig

# What families call it, the one to use first: transformers from 5.24 on warns of the second.
_CACHES = ("cache", "past_key_values", "cache_params")
_STATES = frozenset({"cache_params"})
_CUTTABLE = frozenset({"full_attention", "sliding_attention", "chunked_attention"})


@dataclass(frozen=True)
class Feeding:
    """One way to read on: with which cache, and how.

    `cuttable`: the cache is keys and values alone, so that it can go back to any prefix and its
    rows can be shared; otherwise it is a state that only goes forward. `positions`: positions are
    given, not left to the model. `stepwise`: on top of something read, one position at a time.
    `together`: several sequences may read on in one pass.
    """

    argument: str = _CACHES[1]
    cuttable: bool = True
    positions: bool = True
    stepwise: bool = False
    together: bool = False

    @property
    def shares_beginnings(self) -> bool:
        """Whether several rows may go on together from one beginning."""
        return self.cuttable and not self.stepwise

    def __str__(self) -> str:
        """In words, for a log."""
        kept = "keys and values" if self.cuttable else "a state that only goes forward"
        pace = "one position at a time" if self.stepwise else "any number of positions at once"
        company = "share passes" if self.together else "take turns"
        return f"keeps {kept}, reads on {pace}; requests {company}"


def feedings(config: PreTrainedConfig, inner: nn.Module) -> Iterator[Feeding]:
    """The ways that may suit a headless model, the quickest first; none, if it takes no cache."""
    takes = inspect.signature(inner.forward).parameters
    argument = _argument(takes)
    if argument is None and any(p.kind is inspect.Parameter.VAR_KEYWORD for p in takes.values()):
        # A wrapper hands on what it does not name; whether it does is for the probe to find out.
        within = [inspect.signature(one.forward).parameters for one in inner.children()]
        argument = next(filter(None, map(_argument, within)), _CACHES[1])
    if argument is None:
        return
    cuttable = argument not in _STATES and keeps_positions_only(config)
    for kept in (True, False) if cuttable else (False,):
        for stepwise in (False, True):
            for positions in (True, False) if "position_ids" in takes else (False,):
                yield Feeding(argument, kept, positions, stepwise)


def _argument(takes: Collection[str]) -> str | None:
    return next((name for name in _CACHES if name in takes), None)


def sees_all_before(config: PreTrainedConfig) -> bool:
    """Whether a config says that every layer attends to all positions before.

    Of windows, which are wider than what can be tried, no family says in one way.
    """
    text = config.get_text_config(decoder=True)
    windowed = getattr(text, "sliding_window", None) and getattr(text, "use_sliding_window", True)
    kinds = getattr(text, "layer_types", None) or (("window" if windowed else "full_attention"),)
    chunked = getattr(text, "attention_chunk_size", None)
    return set(kinds) == {"full_attention"} and not chunked


def keeps_positions_only(config: PreTrainedConfig) -> bool:
    """Whether a config says that every layer is attention over keys and values.

    A window is cut by the mask, so that any prefix can still be gone back to.
    """
    text = config.get_text_config(decoder=True)
    return set(getattr(text, "layer_types", None) or ("full_attention",)) <= _CUTTABLE
