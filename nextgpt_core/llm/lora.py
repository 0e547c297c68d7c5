"""LoRA adapters in a backbone, through peft. Knows nothing about stages or files.

State is named by the path of the adapted layer inside the model and the matrix:
`layers.0.self_attn.q_proj.A`, `.B`.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from nextgpt_core.llm.backbone import Backbone
from nextgpt_registry.config import Lora
from nextgpt_registry.errors import ConfigError, LockError, TrainingError

ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
"""What peft looks for."""

_ADAPTER = "default"


def add_lora(backbone: Backbone, lora: Lora) -> None:
    """Put fresh adapters into the backbone; they change nothing until trained.

    The adapters are float32 whatever the model's type, so that small steps are not lost.

    Raises:
        ConfigError: the model has no layer of some target's name that can be adapted.
    """
    layers = _adaptable(backbone)
    chosen = {t: [n for n in layers if n == t or n.endswith(f".{t}")] for t in lora.targets}
    if missing := sorted(target for target, found in chosen.items() if not found):
        raise ConfigError(
            "llm.lora.targets",
            f"{type(backbone.model).__name__} has no linear layer called {', '.join(missing)}"
            f"{_instead(backbone, missing)}",
            f"choose from {', '.join(linear_names(backbone)) or 'another model: it has none'}",
        )
    adapted = [layers[name] for found in chosen.values() for name in found]
    settings = LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(dict.fromkeys(lora.targets)),
        fan_in_fan_out=all(isinstance(layer, Conv1D) for layer in adapted),
    )
    with _peft_errors(), warnings.catch_warnings():
        # Of a model with both kinds of layer it says that it sets the flag right for each.
        warnings.filterwarnings("ignore", "fan_in_fan_out is set", UserWarning)
        inject_adapter_in_model(settings, backbone.inner)
    for parameter in lora_parameters(backbone):
        parameter.data = parameter.data.float()
    backbone.eval()
    _check_called(backbone, chosen)


@torch.no_grad()
def _check_called(backbone: Backbone, chosen: Mapping[str, Collection[str]]) -> None:
    """Hold that adapters have a say: of some layers (Mamba's `dt_proj`) only the weight is read.

    Of experts not all are called for one text, so it is enough that one layer of a target is.
    """
    called: set[str] = set()
    hooks = [
        layer.register_forward_pre_hook(lambda *_, name=name: called.add(name))
        for name, layer in _layers(backbone)
    ]
    try:
        backbone.run(backbone.embed(torch.zeros(1, 2, dtype=torch.long, device=backbone.device)))
    finally:
        for hook in hooks:
            hook.remove()
    if idle := sorted(target for target, names in chosen.items() if called.isdisjoint(names)):
        raise ConfigError(
            "llm.lora.targets",
            f"{type(backbone.model).__name__} never calls {', '.join(idle)}, so that an adapter "
            "there would do nothing",
            "choose other layers",
        )


def linear_names(backbone: Backbone) -> tuple[str, ...]:
    """The last names of the model's linear layers: what LoRA can target."""
    return tuple(sorted({name.rpartition(".")[2] for name in _adaptable(backbone)}))


def _adaptable(backbone: Backbone) -> dict[str, nn.Module]:
    """By their paths, the layers that peft adapts here: linear ones, and GPT-2's `Conv1D`."""
    kinds = (nn.Linear, Conv1D)
    return {n: m for n, m in backbone.inner.named_modules() if isinstance(m, kinds)}


def _instead(backbone: Backbone, missing: Collection[str]) -> str:
    """What else is called so: experts kept as one tensor, embeddings, convolutions."""
    shapes = {
        name: tuple(parameter.shape)
        for name, parameter in backbone.inner.named_parameters()
        if not set(name.split(".")[-2:]).isdisjoint(missing)
    }
    if not shapes:
        return ""
    name, shape = next(iter(shapes.items()))
    return f"; {name} of {'x'.join(map(str, shape))} is no linear layer, and is not adapted"


@contextmanager
def _peft_errors() -> Iterator[None]:
    """What peft refuses (some of Mamba's layers are never called, only read) in our words."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise ConfigError(
            "llm.lora.targets", f"peft cannot adapt them: {error}", "choose other layers"
        ) from error


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


def save_adapter(backbone: Backbone, lora: Lora, folder: Path, *, base: str) -> None:
    """Write the adapters as peft does, for `PeftModel.from_pretrained(model, folder)` elsewhere.

    `base` is what the language model is called there.
    """
    state = lora_state(backbone)
    modules = backbone.model.named_modules()
    inner = next(name for name, module in modules if module is backbone.inner)
    start = f"base_model.model.{inner}.".replace("..", ".")
    tensors = {
        f"{start}{name[:-2]}.lora_{name[-1]}.weight": matrix.cpu().contiguous()
        for name, matrix in state.items()
    }
    adapted = [backbone.inner.get_submodule(name[:-2]) for name in state]
    settings = LoraConfig(
        task_type="CAUSAL_LM",
        base_model_name_or_path=base,
        inference_mode=True,
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(dict.fromkeys(lora.targets)),
        fan_in_fan_out=all(isinstance(getattr(m, "base_layer", m), Conv1D) for m in adapted),
    )
    save_file(tensors, folder / ADAPTER_FILES[1], metadata={"format": "pt"})
    settings.save_pretrained(str(folder))


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
