"""The language model with its signals and projections: what is trained, saved and run.

Knows tensors alone, no conversation, encoder or decoder. Legend: B batch, T positions, D width of
the language model, S signals of a group, N positions of features, V base rows; W width of an
encoder.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import Cache

from nextgpt_core.assembly.readiness import Key, keys_of, lacking, only
from nextgpt_core.assembly.stages import Part
from nextgpt_core.llm.backbone import Backbone
from nextgpt_core.llm.lora import load_lora_state, lora_parameters, lora_state
from nextgpt_core.output import Output
from nextgpt_core.prompt.compose import FEATURE, UNLABELLED
from nextgpt_core.signal.grammar import SignalVocabulary
from nextgpt_core.signal.rows import SignalRows
from nextgpt_registry.errors import LockError
from nextgpt_registry.plan import VOCABULARY, Side

PARTS = get_args(Part)
"""The kinds of part that can be trained."""


class NextGPT(nn.Module):
    """A backbone, the rows of its signals, and one projection per channel and direction.

    `untrained` is, by channel, which of its projections and signal rows nothing was loaded for or
    has moved.
    """

    def __init__(
        self,
        backbone: Backbone,
        vocabulary: SignalVocabulary,
        *,
        inputs: Mapping[str, nn.Module] | None = None,
        outputs: Mapping[str, nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.vocabulary = vocabulary
        self.rows = SignalRows(backbone, vocabulary)
        # Lists, because a ModuleDict forbids some names ("keys", dots) that a channel may have.
        self._input_names = tuple(inputs or ())
        self._output_names = tuple(outputs or ())
        self._inputs = nn.ModuleList((inputs or {}).values())
        self._outputs = nn.ModuleList((outputs or {}).values())
        self._count_trained(set())

    @property
    def inputs(self) -> dict[str, nn.Module]:
        """The input projections by channel."""
        return dict(zip(self._input_names, self._inputs, strict=True))

    @property
    def outputs(self) -> dict[str, nn.Module]:
        """The output projections by channel."""
        return dict(zip(self._output_names, self._outputs, strict=True))

    def embed(self, ids: Tensor, features_ND: Tensor | None = None) -> Tensor:
        """Base and signal ids (...) -> (..., D), with projected features at the N `FEATURE`s."""
        is_signal, is_feature = ids >= self.vocabulary.base, ids == FEATURE
        other = is_signal if features_ND is None else is_signal | is_feature
        x: Tensor = self.backbone.embed(ids.masked_fill(other, 0))
        if bool(is_signal.any()):
            x = x.index_put((is_signal,), self.rows.embed(ids[is_signal]).to(x.dtype))
        if features_ND is not None:
            x = x.index_put((is_feature,), features_ND.to(x))
        return x

    def forward(
        self,
        input_ids: Tensor | None = None,
        *,
        features: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        past_key_values: Cache | None = None,
    ) -> Output:
        """Ids (B, T), or embeddings (B, T, D), -> states, logits and, with `labels`, the loss.

        Ids are -1 where media's `features` (N, D), from `project_in`, stand, row by row.
        `attention_mask` (B, T) covers cached positions too; `labels` (B, T) are -100 where nothing
        is learned. A cache is extended in place.

        Raises:
            ValueError: neither ids nor embeddings are given, or both.
        """
        if input_ids is not None and inputs_embeds is None:
            inputs_embeds = self.embed(input_ids, features)
        elif inputs_embeds is None or input_ids is not None:
            raise ValueError("give input_ids or inputs_embeds, and not both")
        run = self.backbone.run(inputs_embeds, mask_BT=attention_mask, cache=past_key_values)
        if labels is None:
            return Output(run.hidden_BTD, run.final_BTD, self.logits)
        wanted_BT = labels[:, 1:] != UNLABELLED
        final_ND, labels_N = run.final_BTD[:, :-1][wanted_BT], labels[:, 1:][wanted_BT]
        losses_N = cross_entropy(self.logits(final_ND).float(), labels_N, reduction="none")
        return Output(run.hidden_BTD, run.final_BTD, self.logits, losses_N, labels_N, final_ND)

    def logits(self, final: Tensor) -> Tensor:
        """States after the final norm (..., D) -> (..., V + all signals)."""
        return self.backbone.logits(final, self.rows.output if self.vocabulary.size else None)

    def project_in(self, channel: str, x_BTW: Tensor, mask_BT: Tensor | None = None) -> Tensor:
        """An encoder's features (B, T, W) -> (B, T', D)."""
        module = self.inputs[channel]
        x_BTD: Tensor = module(x_BTW.to(_dtype(module)), mask_BT)
        return x_BTD

    def project_out(self, channel: str, hidden_BSD: Tensor, ids_BS: Tensor) -> dict[str, Tensor]:
        """States and ids of signal groups -> the decoder's conditions {name: (B, T, W)}.

        As in the paper (and GILL): the state at a signal plus that signal's own embedding.
        """
        module = self.outputs[channel]
        x_BSD = hidden_BSD.to(_dtype(module)) + self.rows.embed(ids_BS).to(_dtype(module))
        conditions: dict[str, Tensor] = module(x_BSD)
        return conditions

    def trainable(
        self, parts: Collection[str], *, channels: Collection[str] | None = None
    ) -> dict[str, list[nn.Parameter]]:
        """Let exactly these kinds of part be trained; returns their parameters by kind.

        Of projections and signal rows those of `channels` alone, if they are given. The rows of
        all channels are one parameter: of the others the gradient is zero.
        """

        def of(modules: Mapping[str, nn.Module]) -> list[nn.Parameter]:
            chosen = [m for name, m in modules.items() if channels is None or name in channels]
            return list(nn.ModuleList(chosen).parameters())  # each once, however many share it

        found = {
            "input": of(self.inputs),
            "output": of(self.outputs),
            "signals": list(self.rows.parameters()),
            "written": [self.rows.output],
            "lora": lora_parameters(self.backbone),
        }
        unknown = sorted(set(parts) - set(found))
        if unknown:
            raise ValueError(f"unknown parts {unknown}: choose from {', '.join(PARTS)}")
        self.requires_grad_(False)
        for part in parts:
            for parameter in found[part]:
                parameter.requires_grad_(True)
        if "signals" in parts or "written" in parts:
            self.rows.train_only(channels)
        return {part: found[part] for part in PARTS if part in parts}

    def state_by_part(self) -> dict[str, dict[str, Tensor]]:
        """What is saved: `lora`, `signals`, `project.<channel>`; `vocabulary` if it was loaded."""
        state: dict[str, dict[str, Tensor]] = {}
        if lora := lora_state(self.backbone):
            state["lora"] = lora
        if self.vocabulary.size:
            state["signals"] = self.rows.state()
        if rows := self.backbone.rows_state():
            state[VOCABULARY] = rows
        for side, modules in (("input", self.inputs), ("output", self.outputs)):
            for channel, module in modules.items():
                part = state.setdefault(f"project.{channel}", {})
                part |= {f"{side}.{k}": v.detach() for k, v in module.state_dict().items()}
        return state

    def trained_state(self) -> dict[str, dict[str, Tensor]]:
        """What of `state_by_part` was loaded or trained: nothing that is as it was made."""
        return only(self.state_by_part(), self._trained)

    def mark_trained(
        self, parts: Collection[str], *, channels: Collection[str] | None = None
    ) -> None:
        """Count kinds of part as trained, those of `channels` alone if they are given."""
        if "lora" in parts:
            self._mark({("lora", "")})
        for kind, names in (("input", self._input_names), ("output", self._output_names)):
            chosen = [name for name in names if channels is None or name in channels]
            if kind in parts:
                self._mark({(kind, name) for name in chosen})
        if {"signals", "written"} & set(parts):
            spoken = self.vocabulary.channels
            self._mark({("signals", n) for n in spoken if channels is None or n in channels})

    def load_by_part(self, state: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Take the parts given, which are trained then; parts not given stay as they are.

        Raises:
            LockError: a part does not fit this model.
        """
        self._check_shared(state)
        for part, tensors in state.items():
            self._load(part, tensors)
            self._mark(keys_of(part, tensors))

    def resume(self, state: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Take all of `state_by_part` back; what was untrained still is."""
        before = set(self._trained)
        self.load_by_part(state)
        self._count_trained(before)

    def _mark(self, keys: set[Key]) -> None:
        """As trained; an input projection is trained for every channel that shares it."""
        modules = {id(self.inputs[name]) for side, name in keys if side == "input"}
        shared = {n for n, module in self.inputs.items() if id(module) in modules}
        self._count_trained(self._trained | keys | {("input", name) for name in shared})

    def _count_trained(self, keys: set[Key]) -> None:
        """Keep what is trained; what is not each request asks for."""
        self._trained = keys
        self.untrained: dict[str, tuple[Side, ...]] = lacking(
            keys, inputs=self._input_names, outputs=self._output_names, spoken=self._output_names
        )

    def _load(self, part: str, tensors: Mapping[str, Tensor]) -> None:
        kind, _, channel = part.partition(".")
        if part == "lora":
            load_lora_state(self.backbone, tensors)
        elif part == "signals":
            trained = {name for side, name in self._trained if side == "signals"}
            self.rows.load(dict(tensors), trained=trained)
        elif part == VOCABULARY:
            self.backbone.load_rows(tensors)
        elif kind == "project" and (channel in self.inputs or channel in self.outputs):
            self._load_projections(channel, tensors)
        else:
            raise LockError(part, "is no part of this system", f"it has {self._part_names()}")

    def _check_shared(self, state: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Hold that channels with one input projection do not bring two."""
        first: dict[int, str] = {}
        for channel, module in self.inputs.items():
            part = f"project.{channel}"
            own = {n: t for n, t in state.get(part, {}).items() if n.startswith("input.")}
            if not own:
                continue
            other = first.setdefault(id(module), part)
            if any(n not in state[other] or not t.equal(state[other][n]) for n, t in own.items()):
                raise LockError(
                    part,
                    f"has another input projection than {other}, and the two are one",
                    "load what was trained together",
                )

    def _load_projections(self, channel: str, tensors: Mapping[str, Tensor]) -> None:
        strange = sorted(n for n in tensors if n.partition(".")[0] not in ("input", "output"))
        if strange or not tensors:
            raise LockError(
                f"project.{channel}",
                f"holds {strange[0]!r}, no tensor of a projection" if strange else "holds nothing",
                "load the file of this part",
            )
        for side, modules in (("input", self.inputs), ("output", self.outputs)):
            own = {
                name.partition(".")[2]: tensor
                for name, tensor in tensors.items()
                if name.startswith(f"{side}.")
            }
            if not own:
                continue
            try:
                modules[channel].load_state_dict(own)
            except (KeyError, RuntimeError) as error:
                raise LockError(
                    f"project.{channel}",
                    f"the saved {side} projection does not fit: {error}",
                    "load it into the config it was trained with",
                ) from error

    def _part_names(self) -> str:
        return ", ".join(self.state_by_part()) or "no parts"


def _dtype(module: nn.Module) -> torch.dtype:
    return next(module.parameters()).dtype
