"""The trainable embedding rows of the signals, beside the model's own matrices.

Legend: B batch, T tokens, D width, S signals, V rows of the base vocabulary.

Nothing of the model is resized and the tokenizer learns no new token, so base rows cannot move,
and no text can spell a signal. peft's `trainable_token_indices` is not used: in its list form it
trains the input rows only, so that on a model with untied embeddings the output rows stay at
their start and signals are never learned to be *written*; it also needs the matrices resized
first, and numbers rows where we save them by channel name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.hooks import RemovableHandle

from nextgpt_core.llm.backbone import Backbone
from nextgpt_core.signal.grammar import Block, SignalVocabulary
from nextgpt_registry.errors import LockError

_NOISE = 0.1  # of the base rows' own deviation: tells signals apart, keeps them unlikely


class SignalRows(nn.Module):
    """Input and output rows (S, D): what a signal is read as, and what it is written for.

    They are two parameters even where the model ties its own: so new output rows can be learned
    while every state of the language model stays what it was (see `nextgpt_core.training.states`).
    """

    def __init__(self, backbone: Backbone, vocabulary: SignalVocabulary) -> None:
        super().__init__()
        shape = (vocabulary.size, backbone.width)
        self.vocabulary = vocabulary
        self.scale = backbone.embedding_scale
        self._tied = backbone.tied
        self._holds: list[RemovableHandle] = []
        self.input = nn.Parameter(torch.empty(shape, device=backbone.device))
        self.output = nn.Parameter(torch.empty(shape, device=backbone.device))
        self.reset(backbone)

    @torch.no_grad()
    def reset(self, backbone: Backbone) -> None:
        """Start every row at the mean of the base rows, with a little noise of its own.

        The mean makes a signal about as likely as an average token, so an untrained system
        writes none; the noise depends on the channel's name alone, so adding a channel changes
        no other.
        """
        self._start(self.input, backbone.embedding.weight, "input")
        self._start(self.output, backbone.head.linear.weight, "output")

    def embed(self, ids: Tensor) -> Tensor:
        """Signal ids (...) -> (..., D), scaled as the family scales its own rows."""
        rows = F.embedding(ids - self.vocabulary.base, self.input)
        return rows * self.scale if self.scale != 1.0 else rows

    def train_only(self, channels: Collection[str] | None) -> None:
        """Let gradients of the rows of these channels alone be other than zero; of all if None.

        It concerns the parameters that get gradients now. Rows that are held stay as they are bit
        for bit under an optimizer without weight decay.
        """
        for hold in self._holds:
            hold.remove()
        self._holds = []
        if channels is None:
            return
        moves_S1 = torch.zeros(self.vocabulary.size, 1, dtype=torch.bool, device=self.input.device)
        for block in self.vocabulary.blocks:
            moves_S1[self._slice(block)] = block.channel in channels

        def held(gradient_SD: Tensor) -> Tensor:
            return gradient_SD.where(moves_S1, 0)

        self._holds = [
            rows_SD.register_hook(held) for rows_SD in self.parameters() if rows_SD.requires_grad
        ]

    def state(self) -> dict[str, Tensor]:
        """The rows by channel name: `<channel>.input` and `<channel>.output`."""
        found = {}
        for block in self.vocabulary.blocks:
            found[f"{block.channel}.input"] = self.input.detach()[self._slice(block)].clone()
            found[f"{block.channel}.output"] = self.output.detach()[self._slice(block)].clone()
        return found

    @torch.no_grad()
    def load(self, state: dict[str, Tensor], *, trained: Collection[str] = ()) -> None:
        """Take the rows of every channel that both `state` and the vocabulary have.

        Of a model with tied embeddings the output rows may be missing: they are the input rows
        then. A channel that `state` does not know, and that is not among those `trained` before,
        is read as the mean of those it knows, place by place: after its group an answer goes on as
        after any other. It is still never written.

        Raises:
            LockError: the saved rows have another shape, or rows are missing on one side.
        """
        known: list[Block] = []
        for block in self.vocabulary.blocks:
            names = {side: f"{block.channel}.{side}" for side in ("input", "output")}
            if not any(name in state for name in names.values()):
                continue
            known.append(block)
            for side, name in names.items():
                rows_SD = state.get(name)
                if rows_SD is None and self._tied:
                    rows_SD = state.get(names["input"])
                wanted = (block.count, self.input.shape[1])
                if rows_SD is None or tuple(rows_SD.shape) != wanted:
                    found = "no rows" if rows_SD is None else f"rows {tuple(rows_SD.shape)}"
                    raise LockError(
                        f"signals.{name}",
                        f"the checkpoint has {found}, wanted {wanted}",
                        "load it into the model and decoders it was trained with",
                    )
                getattr(self, side)[self._slice(block)] = rows_SD.to(self.input)
        for block in self.vocabulary.blocks if known else ():
            if block not in known and block.channel not in trained:
                self.input[self._slice(block)] = self._usual(known, block)

    def _usual(self, known: Collection[Block], block: Block) -> Tensor:
        """(S, D): the mean of the input rows of `known`, first to first and last to last."""
        places = [index / max(block.count - 1, 1) for index in range(block.count)]
        rows = []
        for one in known:
            own_SD = self.input[self._slice(one)]
            rows.append(own_SD[[round(place * (one.count - 1)) for place in places]])
        usual_SD = torch.stack(rows).mean(dim=0)
        return usual_SD + _noise(block, "input", usual_SD, usual_SD.std())

    def _slice(self, block: Block) -> slice:
        return slice(block.first - self.vocabulary.base, block.end - self.vocabulary.base)

    def _start(self, rows_SD: Tensor, base_VD: Tensor, side: str) -> None:
        if rows_SD.is_meta or base_VD.is_meta:
            return
        base_VD = base_VD.float()
        mean_D, deviation = base_VD.mean(0), base_VD.std()
        for block in self.vocabulary.blocks:
            rows_SD[self._slice(block)] = mean_D + _noise(block, side, mean_D, deviation)


def _noise(block: Block, side: str, like_D: Tensor, deviation: Tensor) -> Tensor:
    """(S, D) that follows from the channel's name."""
    seed = hashlib.sha256(f"{block.channel}/{side}".encode()).digest()[:8]
    generator = torch.Generator().manual_seed(int.from_bytes(seed, "big") >> 1)
    drawn_SD = torch.randn(block.count, like_D.shape[-1], generator=generator)
    return _NOISE * deviation * drawn_SD.to(like_D.device)
