"""One pass of a language model over positions of several sequences. Knows no model family.

A pass is one row of positions, whosever they are: all of a model but its attention treats each
position by itself, so nothing is padded. Its attention is exchanged for `_attend`, which looks up
the keys and values of each sequence in its slot. Whether a family's attention lets itself be
exchanged is found by trying (`llm/probe.py`).

Legend: N positions of a pass, R slots, T positions of one, H heads of keys, G heads of queries
to each, D and W width of a key and of a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AttentionInterface, AttentionMaskInterface, Cache, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from nextgpt_core.llm.backbone import Backbone, Run
from nextgpt_core.llm.slots import Slot, Slots

_PLAIN, _OWN = "sdpa", "nextgpt_slots"
_current: ContextVar[Together | None] = ContextVar("nextgpt_pass", default=None)


class Part:
    """Positions `start` to `end` of a pass: one each of adjacent slots, or several of one slot."""

    def __init__(self, slots: Sequence[Slot], start: int, count: int, like: Tensor) -> None:
        self.shelf, self.first, self.rows = slots[0].shelf, slots[0].index, len(slots)
        self.start, self.end, self.count = start, start + self.rows * count, count
        held = [slot.held for slot in slots]
        self.most = max(held) + count
        self._held_R = torch.tensor(held, device=like.device)
        self._rows_R = torch.arange(self.first, self.first + self.rows, device=like.device)
        self._mask: Tensor | None = None
        if count > 1 or len(set(held)) > 1:
            at_T = torch.arange(self.most, device=like.device)
            last_RN = self._held_R[:, None] + torch.arange(count, device=like.device)
            later_RNT = at_T > last_RN[:, :, None]
            self._mask = like.new_zeros(later_RNT.shape).masked_fill_(later_RNT, float("-inf"))
            self._mask = self._mask[:, None]

    def write(self, old: Tensor, new_1HND: Tensor) -> None:
        """New keys, or values, of the whole pass: this part's into its slots."""
        own_HND = new_1HND[0, :, self.start : self.end]
        if self.rows == 1:
            old[self.first, :, self.most - self.count : self.most] = own_HND
        else:
            old[self._rows_R, :, self._held_R] = own_HND.transpose(0, 1)

    def attend(self, query_1HND: Tensor, layer: int, scaling: float | None) -> Tensor:
        """Queries of the whole pass -> (1, n, H * G, W) of this part's n positions."""
        keys, values = (
            kept[self.first : self.first + self.rows, :, : self.most]
            for kept in self.shelf.layers[layer]
        )
        heads, width = query_1HND.shape[1], query_1HND.shape[-1]
        # Queries that share their keys stand below each other, so that none is repeated.
        own_RHND = query_1HND[0, :, self.start : self.end].unflatten(1, (self.rows, self.count))
        own_RHND = own_RHND.transpose(0, 1).reshape(self.rows, keys.shape[1], -1, width)
        found_RHNW = F.scaled_dot_product_attention(
            own_RHND, keys, values, attn_mask=self._masked(own_RHND.shape[2]), scale=scaling
        )
        found_RHNW = found_RHNW.reshape(self.rows, heads, self.count, -1).transpose(1, 2)
        return found_RHNW.reshape(1, self.rows * self.count, heads, -1)

    def _masked(self, queries: int) -> Tensor | None:
        """The mask of so many queries; made for all layers at the first."""
        if self._mask is not None and self._mask.shape[2] not in (1, queries):
            self._mask = self._mask.repeat(1, 1, queries // self._mask.shape[2], 1)
        return self._mask


class Together(Cache):
    """What one pass reads and writes: so many positions of each of some slots, ordered anew.

    To the model it is a cache. Rooms are reserved before; what was written counts once it is
    `done`, so a pass that fails has changed nothing. `like` has the type of the model's states.
    """

    def __init__(self, read: Sequence[tuple[Slot, int]], like: Tensor) -> None:
        super().__init__(layers=[])
        self._read = read
        ordered = sorted(read, key=lambda r: (r[1] > 1, r[0].shelf.room, r[0].index))
        self.slots = [slot for slot, _ in ordered]
        positions = [p for slot, n in ordered for p in range(slot.held, slot.held + n)]
        self.positions_1N = torch.tensor([positions], device=like.device)
        self.mask_11NN = like.new_zeros(1, 1, 1, 1)  # says that no mask is to be made
        self._parts = list(_parts(ordered, like))
        self._layer = -1

    def done(self) -> None:
        """The pass has ended well: its slots hold the new positions."""
        for slot, count in self._read:
            slot.held += count

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Write (1, H, N, D) and (1, H, N, W) where they belong."""
        self._layer = layer_idx
        for part in self._parts:
            keys, values = part.shelf.layer(layer_idx, key_states, value_states)
            part.write(keys, key_states)
            part.write(values, value_states)
        return key_states, value_states

    def attend(self, query_1HND: Tensor, scaling: float | None) -> Tensor:
        """(1, H * G, N, D) -> (1, N, H * G, W), over what `update` wrote last and all before."""
        found = [part.attend(query_1HND, self._layer, scaling) for part in self._parts]
        return found[0] if len(found) == 1 else torch.cat(found, dim=1)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Each slot has its own; a model that goes by this one reads wrongly, which is noticed."""
        return 0

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Attention is over its slots, in this thread."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)


def read_together(
    backbone: Backbone, slots: Slots, parts: Sequence[tuple[Slot, Tensor]]
) -> list[Run]:
    """Read embeddings (1, T, D) on into each of some slots; the states of each.

    Only where the backbone's `feeding.together` says so. If it fails, the slots hold what they did.
    """
    given = {id(slot): x_1TD for slot, x_1TD in parts}
    for slot, x_1TD in parts:
        slots.reserve(slot, x_1TD.shape[1])
    like = torch.empty(0, dtype=backbone.dtype, device=backbone.device)
    cache = Together([(slot, x_1TD.shape[1]) for slot, x_1TD in parts], like)
    ordered = [given[id(slot)] for slot in cache.slots]
    with cache.under_way():
        run = backbone.once(
            torch.cat(ordered, dim=1),
            mask_BT=cache.mask_11NN,
            cache=cache,
            positions_BT=cache.positions_1N,
        )
    cache.done()
    counts = [x_1TD.shape[1] for x_1TD in ordered]
    hidden, final = run.hidden_BTD.split(counts, dim=1), run.final_BTD.split(counts, dim=1)
    found = {id(s): Run(h, f, None) for s, h, f in zip(cache.slots, hidden, final, strict=True)}
    return [found[id(slot)] for slot, _ in parts]


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


def _parts(ordered: Sequence[tuple[Slot, int]], like: Tensor) -> Iterator[Part]:
    """What can be attended to in one call: neighbours that read one position each."""
    start, run = 0, []
    for at, (slot, count) in enumerate(ordered):
        run.append(slot)
        after = ordered[at + 1] if at + 1 < len(ordered) else None
        joined = after and count == after[1] == 1 and after[0].shelf is slot.shelf
        if not (after and joined and after[0].index == slot.index + 1):
            yield Part(run, start, count, like)
            start, run = start + len(run) * count, []
