"""The attention of a family's own modules exchanged for that of a pass. Knows no model family.

Whether a family's attention lets itself be exchanged is found by trying (`llm/probe.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from nextgpt_core.llm.slots import Together

_PLAIN, _OWN = "sdpa", "nextgpt_slots"
_current: ContextVar[Together | None] = ContextVar("nextgpt_pass", default=None)


@contextmanager
def attending(cache: Together) -> Iterator[None]:
    """Attention is over a pass's slots, in this thread."""
    token = _current.set(cache)
    try:
        yield
    finally:
        _current.reset(token)


def exchange(model: PreTrainedModel, *, back: bool = False) -> bool:
    """Give a model the attention that passes together need; False where its own is another."""
    before, after = (_OWN, _PLAIN) if back else (_PLAIN, _OWN)
    if model.config.get_text_config(decoder=True)._attn_implementation != before:
        return False
    AttentionInterface.register(_OWN, _attend)
    AttentionMaskInterface.register(_OWN, sdpa_mask)
    for config in {
        id(m.config): m.config for m in model.modules() if hasattr(m, "config")
    }.values():
        if config._attn_implementation == before:
            config._attn_implementation = after
    return True


def _attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **more: Any,
) -> tuple[Tensor, None]:
    """As transformers' own, unless several sequences are read on together."""
    current = _current.get()
    if current is None:
        found, _ = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **more
        )
        return found, None
    return current.attend(query, scaling), None
