"""The published pickle of ImageBind to safetensors, once. Builds the model without memory.

Names stay as published: the file that comes out has the tensors of the package's own `state_dict`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from nextgpt_imagebind.model import build
from nextgpt_registry.aside import replacing
from nextgpt_registry.errors import SourceError
from nextgpt_registry.fetch.cache import sha256_of
from nextgpt_registry.tensors import faults, listed, refusal

URL = "https://dl.fbaipublicfiles.com/imagebind/imagebind_huge.pth"
SHA256 = "d6f6c22bedcc90708448d5d2fbb7b2db9c73f505dc89bd0b2e09b23af1b62157"
"""Of the file at `URL` (4,803,584,173 bytes) by others' records: its makers published none."""


def convert(pickle: Path, out: Path, *, sha256: str = SHA256) -> str:
    """Write the tensors of `pickle` to `out`; returns the sha256 of that, to be pinned.

    The pickle must have the `sha256` given; it is read with `weights_only=True`, which runs nothing
    of it, and from the disk as it is written.

    Raises:
        SourceError: it is not that file, no mapping of tensors, or not ImageBind's: every tensor
            that is missing, extra or misshapen is listed.
    """
    found = sha256_of(pickle)
    if found != sha256:
        raise SourceError(
            str(pickle), f"sha256 is {found}, wanted {sha256}", f"fetch {URL} again, or pin yours"
        )
    return write(_tensors(pickle), out, who=str(pickle))


def write(state: Mapping[str, Tensor], out: Path, *, who: str, narrow: int | None = None) -> str:
    """Write a state of ImageBind, or of a `narrow` one, to `out`; returns the file's sha256.

    Raises:
        SourceError: it has other tensors, or such that are not finite or of another kind.
    """
    from safetensors.torch import save_file

    with torch.device("meta"):
        wanted = build(narrow).state_dict()
    if wrong := _differences(state, wanted):
        raise SourceError(
            who, f"{len(wrong)} tensors are not ImageBind's: {'; '.join(wrong)}", f"fetch {URL}"
        )
    if wrong := faults(state, wanted):
        raise SourceError(who, f"holds no weights: {listed(wrong)}", f"fetch {URL} again")
    with replacing(out) as aside:
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, aside)
        return sha256_of(aside)


def _tensors(pickle: Path) -> Mapping[str, Tensor]:
    try:
        state = torch.load(
            pickle, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(pickle)
        )
    except Exception as error:  # torch names no class for "not a pickle of tensors"
        raise SourceError(
            str(pickle), f"cannot be read as tensors: {refusal(error)}", f"fetch {URL} again"
        ) from error
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise SourceError(str(pickle), "holds no mapping of names to tensors", f"fetch {URL}")
    return state


def _differences(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> list[str]:
    missing = [f"lacks {name}" for name in wanted if name not in state]
    extra = [f"has {name}" for name in state if name not in wanted]
    shapes = [
        f"{name} is {tuple(state[name].shape)}, wanted {tuple(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in state and state[name].shape != tensor.shape
    ]
    return [*missing, *extra, *shapes]
