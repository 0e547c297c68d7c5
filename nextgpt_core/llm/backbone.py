"""Any Hugging Face causal language model, as the rest of the core sees it. Knows no signals.

Legend: B batch, T tokens, D width, N any positions, V rows of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from transformers import Cache, PreTrainedModel, PreTrainedTokenizerBase

from nextgpt_core.llm.cache import cache_argument, new_cache
from nextgpt_core.llm.half import HalfLinear
from nextgpt_core.llm.head import Head
from nextgpt_registry.errors import ConfigError, LockError


@dataclass(frozen=True)
class Run:
    """What one pass gives: `hidden` at the declared layer, `final` after the last norm."""

    hidden_BTD: Tensor
    final_BTD: Tensor
    cache: Cache | None


class Backbone(nn.Module):
    """A frozen language model: embed, run, logits.

    `layer` counts as transformers' hidden states do: 0 is the embedding, n the output of the
    n-th layer, -1 the output of the last layer after the final norm.
    """

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, *, layer: int = -1
    ) -> None:
        super().__init__()
        self.model = model.requires_grad_(False).eval()
        self.tokenizer = tokenizer
        self.head = Head(model)
        self.layer = layer
        self.merged_lora: dict[str, Tensor] | None = None  # kept so that it can be saved
        self.rows_replaced = False  # its own rows are those of a checkpoint, and saved with it
        self._cache_argument = cache_argument(model.base_model)
        self._tapped = _layer_module(model.base_model, layer)

    @property
    def inner(self) -> PreTrainedModel:
        """The model without its head."""
        inner: PreTrainedModel = self.model.base_model
        return inner

    @property
    def embedding(self) -> nn.Embedding:
        """The model's own input embedding."""
        embedding: nn.Embedding = self.model.get_input_embeddings()
        return embedding

    @property
    def width(self) -> int:
        """D: the width of an embedding."""
        return int(self.embedding.weight.shape[1])

    @property
    def vocabulary(self) -> int:
        """V: the rows of the embedding, where signal ids start."""
        return int(self.embedding.weight.shape[0])

    @property
    def tied(self) -> bool:
        """Whether input and output embedding are one matrix."""
        return self.head.linear.weight is self.embedding.weight

    @property
    def embedding_scale(self) -> float:
        """What the model's embedding multiplies its rows by (Gemma: the root of the width)."""
        return float(getattr(self.embedding, "embed_scale", 1.0))

    @property
    def context(self) -> int:
        """The most positions the model was made for; very large where it does not say."""
        text = self.model.config.get_text_config(decoder=True)
        return int(getattr(text, "max_position_embeddings", None) or 1 << 30)

    @property
    def eos_ids(self) -> frozenset[int]:
        """The ids that end an answer, as the model and the tokenizer say."""
        found: set[int] = set()
        for ids in (
            getattr(self.model.generation_config, "eos_token_id", None),
            self.model.config.get_text_config(decoder=True).eos_token_id,
            self.tokenizer.eos_token_id,
        ):
            found |= {ids} if isinstance(ids, int) else set(ids or ())
        return frozenset(found)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.embedding.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The type the model computes in; its weights may be kept in a shorter one."""
        half = isinstance(self.head.linear, HalfLinear)
        return torch.float32 if half else self.embedding.weight.dtype

    def train(self, mode: bool = True) -> Self:
        """Training reaches the adapters' dropout only; the model itself stays as in use."""
        super().train(False)
        self.training = mode
        for name, module in self.model.named_modules():
            if "lora_dropout" in name:
                module.train(mode)
        return self

    def embed(self, ids_BT: Tensor) -> Tensor:
        """Base ids (B, T) -> (B, T, D), scaled as the family scales."""
        x_BTD: Tensor = self.embedding(ids_BT)
        return x_BTD

    def run(
        self,
        x_BTD: Tensor,
        *,
        mask_BT: Tensor | None = None,
        cache: Cache | None = None,
        positions_BT: Tensor | None = None,
    ) -> Run:
        """Embeddings (B, T, D) -> states (B, T, D); a cache given is extended in place.

        `mask_BT` (1 real, 0 padding) covers the cached positions too; leave it out where nothing
        is padded. Gradients flow to `x_BTD` although the model is frozen.
        """
        with self._tap() as tapped:
            out = self.inner(
                inputs_embeds=x_BTD.to(self.dtype),
                attention_mask=mask_BT,
                position_ids=positions_BT,
                use_cache=cache is not None,
                **{self._cache_argument: cache},
            )
        final_BTD: Tensor = out.last_hidden_state
        return Run(tapped[0] if tapped else final_BTD, final_BTD, cache)

    def logits(self, final: Tensor, rows_SD: Tensor | None = None) -> Tensor:
        """States after the final norm (..., D) -> (..., V), on the positions that need it.

        With further output rows (S, D) the result is (..., V + S).
        """
        return self.head(final.to(self.dtype), rows_SD)

    def rows_state(self) -> dict[str, Tensor]:
        """The base rows `input` and, unless tied, `output` (V, D), if `load_rows` replaced them."""
        return dict(self._rows()) if self.rows_replaced else {}

    @torch.no_grad()
    def load_rows(self, rows: Mapping[str, Tensor]) -> None:
        """Take base rows that were trained, in place of the model's own.

        Raises:
            LockError: names or shapes are not those of this model.
        """
        own = self._rows()
        found = {name: tuple(tensor.shape) for name, tensor in rows.items()}
        wanted = {name: tuple(tensor.shape) for name, tensor in own.items()}
        if found != wanted:
            raise LockError(
                "vocabulary",
                f"the checkpoint has {found}, wanted {wanted}",
                "load it into the language model it was trained with",
            )
        for name, tensor in own.items():
            tensor.copy_(rows[name])
        self.rows_replaced = True

    def new_cache(self) -> Cache:
        """An empty cache for `run`."""
        return new_cache(self.model.config)

    def _rows(self) -> dict[str, Tensor]:
        rows = {"input": self.embedding.weight.detach()}
        return rows if self.tied else {**rows, "output": self.head.linear.weight.detach()}

    @contextmanager
    def _tap(self) -> Iterator[list[Tensor]]:
        """Collect the declared layer's output; empty where that is the final one."""
        found: list[Tensor] = []
        if self._tapped is None:
            yield found
            return

        def before(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            found.append(args[0] if args else kwargs["hidden_states"])

        # The input of the next layer: what transformers lists as hidden state n.
        handle = self._tapped.register_forward_pre_hook(before, with_kwargs=True)
        try:
            yield found
        finally:
            handle.remove()


def _layer_module(inner: PreTrainedModel, layer: int) -> nn.Module | None:
    """The module whose input is hidden state `layer`; None for the final one."""
    layers = decoder_layers(inner)
    count = len(layers)
    if layer == -1 or layer == count:
        return None
    index = layer if layer >= 0 else count + 1 + layer
    if not 0 <= index < count:
        raise ConfigError(
            "llm.layer",
            f"{layer} is no layer of a model with {count} layers",
            f"choose one from {-count - 1} to {count}; -1 is after the final norm",
        )
    return layers[index]


def decoder_layers(inner: PreTrainedModel) -> nn.ModuleList:
    """The model's stack of layers, whatever its family calls it."""
    stacks = [m for m in inner.modules() if isinstance(m, nn.ModuleList)]
    wanted = inner.config.get_text_config(decoder=True).num_hidden_layers
    for stack in stacks:
        if len(stack) == wanted:
            return stack
    raise ConfigError(
        "llm.path",
        f"{type(inner).__name__} has no stack of {wanted} layers",
        "set llm.layer to -1, or choose a decoder-only model",
    )
