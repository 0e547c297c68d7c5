"""One part of a published checkpoint (an encoder, a vision tower) loaded strictly. Knows no model.

Published files hold whole models, whose parts live under a prefix that changed over the years.
Like `tensors.py`, it touches torch inside its function only, through safetensors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nextgpt_registry.errors import SourceError
from nextgpt_registry.tensors import faults, listed

if TYPE_CHECKING:
    from torch.nn import Module


def load_part(
    module: Module,
    path: Path,
    *,
    who: str,
    prefixes: Sequence[str] = (),
    spellings: Mapping[str, str] | None = None,
    constants: tuple[str, ...] = (),
) -> None:
    """Fill `module` from the safetensors file at `path`, in which it may be one part of several.

    Its tensors are looked for by their own names and under each of `prefixes`; `spellings` maps
    endings of names to older ones; `constants` are endings of those that the module fills itself
    and a file may lack. Only the tensors needed are read; they are cast to the module's precision.

    Raises:
        SourceError: a tensor is missing, has another shape or kind of type, or is not finite, or
            the file is no safetensors.
    """
    from safetensors import SafetensorError, safe_open

    own = module.state_dict()
    try:
        with safe_open(path, framework="pt") as file:
            held = set(file.keys())
            names = _names(own, held, prefixes, spellings or {})
            absent = [key for key in own if key not in names]
            lacking = [f"lacks {key}" for key in absent if not key.endswith(constants)]
            shapes = {key: tuple(file.get_slice(name).get_shape()) for key, name in names.items()}
            lacking += [
                f"{names[key]} is {shape}, wanted {tuple(own[key].shape)}"
                for key, shape in shapes.items()
                if shape != tuple(own[key].shape)
            ]
            if lacking:
                more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
                raise SourceError(
                    f"{who}: {path.name}",
                    f"{len(lacking)} of {len(own)} tensors do not fit: "
                    f"{'; '.join(lacking[:3])}{more}",
                    "name the safetensors file of the model that is declared",
                )
            read = {key: file.get_tensor(name) for key, name in names.items()}
            if wrong := faults(
                {names[key]: read[key] for key in read}, {names[key]: own[key] for key in read}
            ):
                raise SourceError(
                    f"{who}: {path.name}",
                    f"holds no weights: {listed(wrong)}",
                    "fetch it again, or from where it was published",
                )
            module.load_state_dict({**{key: own[key] for key in absent}, **read})
    except (SafetensorError, OSError) as error:
        raise SourceError(
            f"{who}: {path.name}", f"cannot be read as safetensors: {error}", "fetch it again"
        ) from error


def _names(
    own: Mapping[str, object],
    held: set[str],
    prefixes: Sequence[str],
    spellings: Mapping[str, str],
) -> dict[str, str]:
    """Our names -> the file's, under the prefix that has the most of them."""
    found = [
        {key: name for key in own if (name := _name(prefix + key, held, spellings))}
        for prefix in ("", *prefixes)
    ]
    return max(found, key=len)


def _name(key: str, held: set[str], spellings: Mapping[str, str]) -> str:
    if key in held:
        return key
    for ending, older in spellings.items():
        if key.endswith(ending) and (name := key.removesuffix(ending) + older) in held:
            return name
    return ""
