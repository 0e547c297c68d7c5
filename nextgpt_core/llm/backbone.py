"""Any Hugging Face causal language model, as the rest of the core sees it. Knows no signals.

Legend: B batch, T tokens, D width, N any positions, V rows of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from transformers import Cache, PreTrainedModel, PreTrainedTokenizerBase

from nextgpt_core.llm.cache import GrowingCache, HeldCache, StateCache, held
from nextgpt_core.llm.feeding import Feeding, feedings
from nextgpt_core.llm.half import HalfLinear
from nextgpt_core.llm.head import Head
from nextgpt_core.llm.layers import layer_module, without_head
from nextgpt_core.llm.rope import Rotation
from nextgpt_registry.errors import LockError


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
        self.origin: str | None = None  # what tells its weights from others, for locks
        self.context_told: int | None = None  # the most positions, as its plan says
        self.rotation = Rotation.of(model.config)
        self.merged_lora: dict[str, Tensor] | None = None  # kept so that it can be saved
        self.rows_replaced = False  # its own rows are those of a checkpoint, and saved with it
        self._inner = (without_head(model),)  # a tuple, because a module would be listed twice
        self.tap = layer_module(self.inner, self.embedding, layer)
        self.feeding = next(self.feedings(), Feeding())  # the likely one; `probe` makes sure
        self.direct: Any = None  # a `Direct`, where `probe` finds that it comes to the same
        self.probed = False

    @property
    def inner(self) -> PreTrainedModel:
        """The model without its head."""
        return self._inner[0]

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
        """The most positions the model was made for; very large where nobody says.

        What is told comes first: of a config that does not say, transformers has its own idea.
        """
        text = self.model.config.get_text_config(decoder=True)
        own = getattr(text, "max_position_embeddings", None)
        return int(self.context_told or own or 1 << 30)

    @property
    def eos_ids(self) -> frozenset[int]:
        """The ids that end an answer, as the model and the tokenizer say."""
        found: set[int] = set()
        for ids in (
            getattr(self.model.generation_config, "eos_token_id", None),
            self.model.config.get_text_config(decoder=True).eos_token_id,
            self.tokenizer.eos_token_id,
        ):
            found |= {
                one for one in (ids if isinstance(ids, list | tuple) else (ids,)) if _is_id(one)
            }
        return frozenset(one for one in found if 0 <= one < self.vocabulary)

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
    ) -> Run:
        """Embeddings (B, T, D) -> states (B, T, D); a cache given is extended in place.

        `mask_BT` (1 real, 0 padding) covers the cached positions too; leave it out where nothing
        is padded. Gradients flow to `x_BTD` although the model is frozen.
        """
        if cache is None:
            return self.once(x_BTD, mask_BT=mask_BT)
        asked, own = x_BTD.shape[1], cache if isinstance(cache, HeldCache) else None
        if own is not None and own.keeps_inputs and self._begins_anew(own, asked):
            x_BTD = torch.cat((own.inputs_BTD, x_BTD.to(own.inputs_BTD)), dim=1)
            own.restart()
        paces = [x_BTD]
        if self.feeding.stepwise and held(cache):
            paces = list(x_BTD.split(1, dim=1))
        runs = []
        for one_BTD in paces:
            runs.append(self.once(one_BTD, mask_BT=mask_BT, cache=cache))
            if own is not None:
                own.took(one_BTD.detach())
        return joined(runs, asked)

    def _begins_anew(self, cache: HeldCache, asked: int) -> bool:
        """Whether what was read before is to be read again, together with what is asked.

        It must be where the longer text is rotated in another way, and is quicker than many steps.
        """
        regime, before = self.rotation.regime, cache.held
        turned = regime(cache.read_as) != regime(before + asked)
        return before > 0 and (turned or (self.feeding.stepwise and asked > 32 + before // 4))

    def once(
        self,
        x_BTD: Tensor,
        *,
        mask_BT: Tensor | None = None,
        cache: Cache | None = None,
        positions_BT: Tensor | None = None,
    ) -> Run:
        """One call of the model, whatever its cache holds; by default positions follow on that."""
        given: dict[str, Any] = {}
        if mask_BT is not None:
            given["attention_mask"] = mask_BT
        if cache is not None:
            given[self.feeding.argument] = cache
            if positions_BT is not None:
                given["position_ids"] = positions_BT
            elif self.feeding.positions:
                start = held(cache)
                at_T = torch.arange(start, start + x_BTD.shape[1], device=x_BTD.device)
                given["position_ids"] = at_T.expand(x_BTD.shape[0], -1)
        with self.tapped() as tapped:
            # A copy, because some families scale what they are given in place.
            own_BTD = x_BTD.to(self.dtype, copy=True)
            out = self.inner(inputs_embeds=own_BTD, use_cache=cache is not None, **given)
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

    def feedings(self) -> Iterator[Feeding]:
        """The ways in which it may go on from what it has read, the quickest first."""
        return feedings(self.model.config, self.inner)

    @property
    def reads_anew(self) -> bool:
        """Whether it may have to read from the beginning again what it has read."""
        rotates = bool(self.rotation.turns) or self.rotation.moves < self.context
        return self.feeding.stepwise or rotates

    def new_cache(self) -> Cache:
        """An empty cache for `run`, of the kind that the model goes on from."""
        if self.feeding.cuttable:
            return GrowingCache(keeps_inputs=self.reads_anew)
        return StateCache(self.model.config, keeps_inputs=self.reads_anew)

    def _rows(self) -> dict[str, Tensor]:
        rows = {"input": self.embedding.weight.detach()}
        return rows if self.tied else {**rows, "output": self.head.linear.weight.detach()}

    @property
    def taps(self) -> bool:
        """Whether the declared layer is another than the final one."""
        return self.tap is not None

    @contextmanager
    def tapped(self) -> Iterator[list[Tensor]]:
        """Collect the declared layer's output; empty where that is the final one."""
        found: list[Tensor] = []
        if self.tap is None:
            yield found
            return

        def before(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            found.append(args[0] if args else kwargs["hidden_states"])

        # The input of the next layer: what transformers lists as hidden state n.
        handle = self.tap.register_forward_pre_hook(before, with_kwargs=True)
        try:
            yield found
        finally:
            handle.remove()


def _is_id(value: object) -> bool:
    """Whether it is a whole number: a file beside the weights may say anything."""
    return isinstance(value, int) and not isinstance(value, bool)


def joined(runs: Sequence[Run], last: int | None = None) -> Run:
    """Passes that followed each other as one, or its `last` positions."""
    if len(runs) == 1 and runs[0].final_BTD.shape[1] == (last or runs[0].final_BTD.shape[1]):
        return runs[0]
    kept = slice(None if last is None else -last, None)
    hidden_BTD = torch.cat([run.hidden_BTD for run in runs], dim=1)[:, kept]
    final_BTD = torch.cat([run.final_BTD for run in runs], dim=1)[:, kept]
    # One tensor where it was one: whether a layer is declared is seen by that.
    same = all(run.hidden_BTD is run.final_BTD for run in runs)
    return Run(final_BTD if same else hidden_BTD, final_BTD, runs[-1].cache)
