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
from nextgpt_core.signal.vocabulary import Block, SignalVocabulary
from nextgpt_registry.errors import LockError

_NOISE = 0.1  # of the base rows' own deviation: tells signals apart, keeps them unlikely


class SignalRows(nn.Module):
    """Input and output rows (S, D); one parameter for both where the model ties its own."""

    def __init__(self, backbone: Backbone, vocabulary: SignalVocabulary) -> None:
        super().__init__()
        shape = (vocabulary.size, backbone.width)
        self.vocabulary = vocabulary
        self.scale = backbone.embedding_scale
        self._holds: list[RemovableHandle] = []
        self.input = nn.Parameter(torch.empty(shape, device=backbone.device))
        if backbone.tied:
            self.output = self.input
        else:
            self.output = nn.Parameter(torch.empty(shape, device=backbone.device))
        self.reset(backbone)

    @property
    def tied(self) -> bool:
        """Whether input and output rows are one parameter."""
        return self.output is self.input

    @torch.no_grad()
    def reset(self, backbone: Backbone) -> None:
        """Start every row at the mean of the base rows, with a little noise of its own.

        The mean makes a signal about as likely as an average token, so an untrained system
        writes none; the noise depends on the channel's name alone, so adding a channel changes
        no other.
        """
        self._start(self.input, backbone.embedding.weight, "input")
        if not self.tied:
            self._start(self.output, backbone.head.linear.weight, "output")

    def embed(self, ids: Tensor) -> Tensor:
        """Signal ids (...) -> (..., D), scaled as the family scales its own rows."""
        rows = F.embedding(ids - self.vocabulary.base, self.input)
        return rows * self.scale if self.scale != 1.0 else rows

    def train_only(self, channels: Collection[str] | None) -> None:
        """Let the rows of these channels get gradients, all others zeros; all of them if None.

        Rows that are held stay as they are bit for bit under an optimizer without weight decay.
        """
        for hold in self._holds:
            hold.remove()
        self._holds = []
        self.requires_grad_(True)
        if channels is None:
            return
        moves_S1 = torch.zeros(self.vocabulary.size, 1, dtype=torch.bool, device=self.input.device)
        for block in self.vocabulary.blocks:
            moves_S1[self._slice(block)] = block.channel in channels

        def held(gradient_SD: Tensor) -> Tensor:
            return gradient_SD.where(moves_S1, 0)

        self._holds = [rows_SD.register_hook(held) for rows_SD in self.parameters()]

    def state(self) -> dict[str, Tensor]:
        """The rows by channel name: `<channel>.input`, and `.output` where untied."""
        found = {}
        for block in self.vocabulary.blocks:
            found[f"{block.channel}.input"] = self.input.detach()[self._slice(block)].clone()
            if not self.tied:
                found[f"{block.channel}.output"] = self.output.detach()[self._slice(block)].clone()
        return found

    @torch.no_grad()
    def load(self, state: dict[str, Tensor]) -> None:
        """Take the rows of every channel that both `state` and the vocabulary have.

        Raises:
            LockError: the saved rows have another shape, or rows are missing on one side.
        """
        sides = {"input": self.input} if self.tied else {"input": self.input, "output": self.output}
        for block in self.vocabulary.blocks:
            names = {side: f"{block.channel}.{side}" for side in sides}
            if not any(name in state for name in names.values()):
                continue
            for side, name in names.items():
                rows_SD = state.get(name)
                wanted = (block.count, sides[side].shape[1])
                if rows_SD is None or tuple(rows_SD.shape) != wanted:
                    found = "no rows" if rows_SD is None else f"rows {tuple(rows_SD.shape)}"
                    raise LockError(
                        f"signals.{name}",
                        f"the checkpoint has {found}, wanted {wanted}",
                        "load it into the model and decoders it was trained with",
                    )
                sides[side][self._slice(block)] = rows_SD.to(sides[side])

    def _slice(self, block: Block) -> slice:
        return slice(block.first - self.vocabulary.base, block.end - self.vocabulary.base)

    def _start(self, rows_SD: Tensor, base_VD: Tensor, side: str) -> None:
        if rows_SD.is_meta or base_VD.is_meta:
            return
        base_VD = base_VD.float()
        mean_D, deviation = base_VD.mean(0), base_VD.std()
        for block in self.vocabulary.blocks:
            seed = hashlib.sha256(f"{block.channel}/{side}".encode()).digest()[:8]
            generator = torch.Generator().manual_seed(int.from_bytes(seed, "big") >> 1)
            noise = torch.randn(block.count, base_VD.shape[1], generator=generator)
            rows_SD[self._slice(block)] = mean_D + _NOISE * deviation * noise.to(mean_D.device)
