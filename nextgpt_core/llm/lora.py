"""LoRA adapters in a backbone, through peft. Knows nothing about stages or files.

State is named by the path of the adapted layer inside the model and the matrix:
`layers.0.self_attn.q_proj.A`, `.B`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

from nextgpt_core.llm.backbone import Backbone
from nextgpt_registry.config import Lora
from nextgpt_registry.errors import ConfigError, LockError, TrainingError

_ADAPTER = "default"


def add_lora(backbone: Backbone, lora: Lora) -> None:
    """Put fresh adapters into the backbone; they change nothing until trained.

    The adapters are float32 whatever the model's type, so that small steps are not lost.

    Raises:
        ConfigError: the model has no linear layer of some target's name.
    """
    names = linear_names(backbone)
    missing = sorted(set(lora.targets) - set(names))
    if missing:
        raise ConfigError(
            "llm.lora.targets",
            f"{type(backbone.model).__name__} has no linear layer called {', '.join(missing)}",
            f"choose from {', '.join(names)}",
        )
    settings = LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(lora.targets),
    )
    inject_adapter_in_model(settings, backbone.inner)
    for parameter in lora_parameters(backbone):
        parameter.data = parameter.data.float()
    backbone.eval()


def linear_names(backbone: Backbone) -> tuple[str, ...]:
    """The last names of the model's linear layers: what LoRA can target."""
    return tuple(
        sorted(
            {
                name.rpartition(".")[2]
                for name, module in backbone.inner.named_modules()
                if isinstance(module, nn.Linear)
            }
        )
    )


def lora_parameters(backbone: Backbone) -> list[nn.Parameter]:
    """Every matrix of the adapters; none if there are none."""
    return [matrix for _, layer in _layers(backbone) for matrix in _matrices(layer).values()]


def lora_state(backbone: Backbone) -> dict[str, Tensor]:
    """The adapters by name; what they were, if they have been merged."""
    if backbone.merged_lora is not None:
        return dict(backbone.merged_lora)
    return {
        f"{name}.{side}": matrix.detach()
        for name, layer in _layers(backbone)
        for side, matrix in _matrices(layer).items()
    }


@torch.no_grad()
def load_lora_state(backbone: Backbone, state: Mapping[str, Tensor]) -> None:
    """Take the adapters' weights.

    Raises:
        LockError: names or shapes are not those of this backbone's adapters.
    """
    own = {
        f"{name}.{side}": matrix
        for name, layer in _layers(backbone)
        for side, matrix in _matrices(layer).items()
    }
    wrong = sorted(set(own) ^ set(state)) or [
        name for name, matrix in own.items() if matrix.shape != state[name].shape
    ]
    if wrong:
        raise LockError(
            "lora",
            f"the checkpoint does not fit: {len(wrong)} matrices differ, first {wrong[0]!r}",
            "use the llm.lora settings the checkpoint was trained with",
        )
    for name, matrix in own.items():
        matrix.copy_(state[name])


@contextmanager
def without_lora(backbone: Backbone) -> Iterator[None]:
    """Inside the block the backbone is exactly the base model."""
    layers = [layer for _, layer in _layers(backbone)]
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            # By hand: peft's enable_adapters(True) would also unfreeze the matrices.
            layer._disable_adapters = False


@torch.no_grad()
def merge_lora(backbone: Backbone) -> None:
    """Add the adapters to the weights they adapt: faster to run, no longer to be trained.

    Raises:
        TrainingError: they are merged already.
    """
    if backbone.merged_lora is not None:
        raise TrainingError("lora", "is merged already", "assemble the system again")
    backbone.merged_lora = {name: t.clone() for name, t in lora_state(backbone).items()}
    for name, layer in _layers(backbone):
        layer.merge()
        parent, _, child = name.rpartition(".")
        setattr(backbone.inner.get_submodule(parent), child, layer.get_base_layer())


def _layers(backbone: Backbone) -> list[tuple[str, LoraLayer]]:
    return [(n, m) for n, m in backbone.inner.named_modules() if isinstance(m, LoraLayer)]


def _matrices(layer: LoraLayer) -> dict[str, nn.Parameter]:
    return {"A": layer.lora_A[_ADAPTER].weight, "B": layer.lora_B[_ADAPTER].weight}
