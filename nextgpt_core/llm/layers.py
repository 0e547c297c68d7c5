"""Where a declared layer sits in a model. Knows no model family by name."""

from __future__ import annotations

from torch import nn
from transformers import PreTrainedModel

from nextgpt_registry.errors import ConfigError


def layer_module(inner: PreTrainedModel, embedding: nn.Module, layer: int) -> nn.Module | None:
    """The module whose input is hidden state `layer`; None for the final one."""
    if layer == -1:
        return None
    layers = decoder_layers(inner, embedding)
    count = len(layers)
    if layer == count:
        return None
    index = layer if layer >= 0 else count + 1 + layer
    if not 0 <= index < count:
        raise ConfigError(
            "llm.layer",
            f"{layer} is no layer of a model with {count} layers",
            f"choose one from {-count - 1} to {count}; -1 is after the final norm",
        )
    return layers[index]


def decoder_layers(inner: PreTrainedModel, embedding: nn.Module) -> nn.ModuleList:
    """The model's stack of layers, whatever its family calls it.

    A tower beside it may have as many: the stack is the one nearest to the embedding,
    which not every headless model can name itself.
    """
    wanted = inner.config.get_text_config(decoder=True).num_hidden_layers
    holders = [m for m in inner.modules() if any(one is embedding for one in m.modules())]
    for holder in (*reversed(holders), inner):
        for stack in holder.modules():
            if isinstance(stack, nn.ModuleList) and len(stack) == wanted:
                return stack
    raise ConfigError(
        "llm.layer",
        f"{type(inner).__name__} has no stack of {wanted} layers",
        "set llm.layer to -1, or choose a decoder-only model",
    )


def without_head(model: PreTrainedModel) -> PreTrainedModel:
    """The model from its embeddings to its last norm."""
    inner: PreTrainedModel = model.base_model
    if inner is not model:
        return inner
    # A family whose `base_model_prefix` is another's: what holds the embeddings is meant.
    embedding = model.get_input_embeddings()
    holders = [c for c in model.children() if any(m is embedding for m in c.modules())]
    if len(holders) != 1 or holders[0] is embedding:
        raise ConfigError(
            "llm.path",
            f"{type(model).__name__} has no part that is the model without its head",
            "use another model family",
        )
    found: PreTrainedModel = holders[0]
    return found
