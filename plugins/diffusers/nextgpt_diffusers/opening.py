"""A pipeline from its folder, by diffusers' own loader: safetensors alone, no code, no network."""

from __future__ import annotations

import inspect
from typing import Any

import diffusers
import torch
import transformers

from nextgpt_diffusers.build import quiet
from nextgpt_diffusers.folder import Folder
from nextgpt_diffusers.pipelines import CHECKER, LEFT_OUT, Pipeline, checked
from nextgpt_registry.errors import SourceError
from nextgpt_registry.targets import resolve

_LIBRARIES = {"diffusers": diffusers, "transformers": transformers}
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
    left_out = ("image_encoder",) if checks else LEFT_OUT
    told = {"requires_safety_checker": checks, "add_watermarker": False}
    try:
        with quiet():
            models = {part: _model(folder, part) for part in parts}
            return kind.from_pretrained(
                folder.path,
                local_files_only=True,
                use_safetensors=True,
                dtype={"default": torch.float32},
                **models,
                **{name: None for name in left_out if name in taken},
                **{name: value for name, value in told.items() if name in taken},
            )
    except SourceError:
        raise
    except Exception as error:  # two libraries read foreign files
        raise SourceError(
            str(folder.path),
            f"cannot be loaded as a {folder.pipeline}: {type(error).__name__}: {error}",
            "fetch the whole folder again",
        ) from error


def _model(folder: Folder, part: str) -> torch.nn.Module:
    """One model of a pipeline, in the precision of its file and with all of its weights.

    Both libraries draw weights that a file lacks, and say so in a log.

    Raises:
        SourceError: its files lack a weight.
    """
    library, name = folder.kind(part)
    home = _LIBRARIES.get(str(library)) or getattr(diffusers.pipelines, str(library))
    model, told = getattr(home, str(name)).from_pretrained(
        folder.path / part,
        local_files_only=True,
        use_safetensors=True,
        dtype=_TYPES.get(folder.dtype(part), torch.float32),
        output_loading_info=True,
    )
    if lacking := sorted(told["missing_keys"]):
        more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
        raise SourceError(
            str(folder.path / part),
            f"its files lack {', '.join(lacking[:3])}{more}",
            "fetch the whole folder again",
        )
    found: torch.nn.Module = model
    return found
