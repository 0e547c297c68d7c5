"""Weights as safetensors: pickles converted once, tensors packed as int8. Knows no model.

The one module of the registry that touches torch, and only inside its functions: a plugin may not
import the core, and whoever calls these has torch loaded anyway.

The compact form: a floating tensor of two or more dimensions and `SMALLEST` or more elements is
stored as int8 with one float32 scale per row of its first dimension (`NAME@scale`), the row's
largest magnitude over 127, so no element moves by more than half a scale; every other floating
tensor as float16 where that holds it, else as float32; integers and booleans as they are.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from nextgpt_registry.aside import replacing
from nextgpt_registry.errors import SourceError
from nextgpt_registry.fetch.cache import sha256_of, store
from nextgpt_registry.headers import sort_metadata

if TYPE_CHECKING:
    import torch
    from torch import Tensor

SMALLEST = 4096
_MARK = ("nextgpt", "compact-1")
_SCALE = "@scale"


def convert_pickle(path: Path, sha256: str) -> Path:
    """A safetensors file with the tensors of a PyTorch pickle, made unless it is cached.

    The pickle must have this sha256, and is read with `weights_only=True`, which runs nothing.

    Raises:
        SourceError: the file is not the pinned one, or holds no mapping of names to tensors.
    """
    name = f"{path.stem}.safetensors"
    return store("pickles", f"{sha256}-v1", partial(_convert, path, sha256, name)) / name


def faults(tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor] | None = None) -> list[str]:
    """What is wrong with the numbers themselves, a line for each tensor that cannot be weights.

    Floats have to be finite, but for the -inf of a mask; a type has to be of the kind that `wanted`
    has under that name, and floats, integers or booleans where that says nothing.
    """
    found = []
    for name, tensor in tensors.items():
        like = wanted.get(name) if wanted is not None else None
        mask = "mask" in name.rpartition(".")[2]
        told = _fault(tensor, tensor if like is None else like, mask=mask)
        found += [f"{name} {told}"] if told else []
    return found


def _fault(tensor: Tensor, like: Tensor, *, mask: bool) -> str:
    import torch

    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_meta:
        kind = "quantized" if tensor.is_quantized else str(tensor.layout).removeprefix("torch.")
        return f"is {'without data' if tensor.is_meta else kind}, wanted plain numbers"
    dtype = str(tensor.dtype).removeprefix("torch.")
    if tensor.is_complex() or tensor.is_floating_point() != like.is_floating_point():
        return f"is of {dtype}, wanted {'floats' if like.is_floating_point() else 'integers'}"
    if not tensor.is_floating_point() or tensor.numel() == 0:
        return ""
    if tensor.element_size() < 2:
        return f"is of {dtype}, wanted floats of 16 bits or more"
    least, most = tensor.detach().aminmax()  # copies nothing; a NaN is both
    if most.isfinite() and (least.isfinite() or mask):
        return ""
    return f"has {int((~tensor.isfinite()).sum())} of {tensor.numel()} numbers that are not finite"


def listed(faults: Sequence[str], most: int = 5) -> str:
    """The first of many faults in a line, and how many more there are."""
    more = f" and {len(faults) - most} more" if len(faults) > most else ""
    return "; ".join(faults[:most]) + more


def quick_in_bfloat16(device: torch.device | str = "cpu") -> bool:
    """Whether a device has instructions for products in bfloat16.

    A CPU without them, as many laptops have, takes fifty times as long as in float32. Under
    an older torch, which cannot tell, it counts as without.
    """
    import torch

    kind = torch.device(device).type
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if kind != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    told: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(told.get(name) for name in ("amx_bf16", "avx512_bf16", "bf16", "sve_bf16"))


def _convert(path: Path, sha256: str, name: str, fresh: Path) -> None:
    import torch
    from safetensors.torch import save_file

    found = sha256_of(path)
    if found != sha256:
        raise SourceError(str(path), f"sha256 is {found}, wanted {sha256}", "fetch it again")
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch names no class for "not a pickle of tensors"
        raise SourceError(
            str(path), f"cannot be read as tensors: {refusal(error)}", "name a file of weights only"
        ) from error
    for wrapper in ("state_dict", "model_state_dict", "model"):
        if isinstance(loaded, Mapping) and isinstance(loaded.get(wrapper), Mapping):
            loaded = loaded[wrapper]
    if not isinstance(loaded, Mapping):
        raise SourceError(str(path), f"holds a {type(loaded).__name__}", "wanted named tensors")
    odd = [str(key) for key, value in loaded.items() if not isinstance(value, torch.Tensor)]
    if odd or not loaded:
        told = f"{', '.join(odd[:5])}: no tensor" if odd else "holds no tensor"
        raise SourceError(str(path), told, "wanted named tensors")
    if wrong := faults(loaded):
        raise SourceError(str(path), f"holds no weights: {listed(wrong)}", "fetch it again")
    # Cloned: tensors that share memory in a pickle cannot do so in safetensors.
    save_file(
        {
            key: value.detach().clone(memory_format=torch.contiguous_format)
            for key, value in loaded.items()
        },
        fresh / name,
    )


def refusal(error: Exception) -> str:
    """Why torch would not read a pickle: what that would run, and not torch's advice to run it."""
    found = re.search(r"GLOBAL (\S+)", str(error))
    return f"it would run {found[1]}" if found else str(error).strip().partition("\n")[0]


def save_compact(
    state: Mapping[str, Tensor],
    path: Path,
    *,
    exact: Collection[str] = (),
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write tensors in the compact form; those named in `exact` are not made int8.

    Raises:
        SourceError: a tensor is not finite, or a name ends in the scales' own suffix.
    """
    import torch
    from safetensors.torch import save_file

    packed: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if name.endswith(_SCALE):
            raise SourceError(str(path), f"tensor {name!r} has a reserved name", "rename it")
        value = tensor.detach().cpu()
        if not value.is_floating_point():
            packed[name] = value.clone(memory_format=torch.contiguous_format)
            continue
        if not value.isfinite().all():
            raise SourceError(str(path), f"tensor {name!r} is not finite", "look at the training")
        if value.dim() < 2 or value.numel() < SMALLEST or name in exact:
            packed[name] = _halved(value)
            continue
        packed[name], packed[name + _SCALE] = _quantized(value.float())
    with replacing(path) as aside:
        save_file(packed, aside, metadata={**(metadata or {}), _MARK[0]: _MARK[1]})
        sort_metadata(aside)


def load_compact(path: Path, *, dtype: torch.dtype | None = None) -> dict[str, Tensor]:
    """The tensors of a compact file, floating ones in `dtype` (float32 by default).

    A plain safetensors file is read too, its dtypes kept unless `dtype` is given.

    Raises:
        SourceError: it is no safetensors file, or compact and without a scale it needs.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    state: dict[str, Tensor] = {}
    try:
        with safe_open(path, framework="pt") as file:
            compact = (file.metadata() or {}).get(_MARK[0]) == _MARK[1]
            names = set(file.keys())
            wanted = dtype or (torch.float32 if compact else None)
            for name in sorted(names):
                if compact and name.endswith(_SCALE):
                    continue
                value = file.get_tensor(name)
                if compact and name + _SCALE in names:
                    scale = file.get_tensor(name + _SCALE)
                    value = value.float() * scale.view(-1, *[1] * (value.dim() - 1))
                state[name] = value.to(wanted) if value.is_floating_point() and wanted else value
    except (SafetensorError, OSError, RuntimeError) as error:
        raise SourceError(
            str(path), f"cannot be read: {error}", "fetch or save it again"
        ) from error
    if wrong := faults(state):
        raise SourceError(str(path), f"holds no weights: {listed(wrong)}", "fetch or save it again")
    return state


def _quantized(value: Tensor) -> tuple[Tensor, Tensor]:
    """(N, ...) floats -> (N, ...) int8 and (N,) float32 scales."""
    import torch

    scale = value.flatten(1).abs().amax(dim=1) / 127
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    rows = scale.view(-1, *[1] * (value.dim() - 1))
    return (value / rows).round().clamp(-127, 127).to(torch.int8).contiguous(), scale


def _halved(value: Tensor) -> Tensor:
    import torch

    fits = value.numel() == 0 or bool(value.abs().max() <= torch.finfo(torch.float16).max)
    target = torch.float16 if fits else torch.float32
    return value.to(target).clone(memory_format=torch.contiguous_format)
