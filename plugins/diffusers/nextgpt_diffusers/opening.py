"""A pipeline from its folder, by diffusers' own loader: safetensors alone, no code, no network."""

from __future__ import annotations

import inspect
from typing import Any

import diffusers
import torch

from nextgpt_diffusers.build import quiet
from nextgpt_diffusers.folder import Folder
from nextgpt_diffusers.pipelines import CHECKER, LEFT_OUT, Pipeline, checked
from nextgpt_registry.errors import SourceError
from nextgpt_registry.targets import resolve

_TYPES = {"F16": torch.float16, "BF16": torch.bfloat16}


def opened(folder: Folder, known: Pipeline) -> Any:
    """The pipeline with its weights, each part in the precision of its file.

    Raises:
        SourceError: something in the folder cannot be loaded.
    """
    kind = resolve(known.runs) if known.runs else getattr(diffusers, folder.pipeline)
    taken = inspect.signature(kind.__init__).parameters
    checks = checked(folder)
    parts = (*known.parts, CHECKER) if checks else known.parts
    dtypes = {part: _TYPES.get(folder.dtype(part), torch.float32) for part in parts}
    left_out = ("image_encoder",) if checks else LEFT_OUT
    told = {"requires_safety_checker": checks, "add_watermarker": False}
    try:
        with quiet():
            return kind.from_pretrained(
                folder.path,
                local_files_only=True,
                use_safetensors=True,
                dtype={**dtypes, "default": torch.float32},
                **{name: None for name in left_out if name in taken},
                **{name: value for name, value in told.items() if name in taken},
            )
    except Exception as error:  # two libraries read foreign files
        raise SourceError(
            str(folder.path),
            f"cannot be loaded as a {folder.pipeline}: {type(error).__name__}: {error}",
            "fetch the whole folder again",
        ) from error
