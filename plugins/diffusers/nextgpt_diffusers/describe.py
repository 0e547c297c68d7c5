"""What a pipeline's folder says of a decoder: conditions, size, licence. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nextgpt_diffusers.folder import Folder
from nextgpt_diffusers.pipelines import CHECKER, LEFT_OUT, PIPELINES, Pipeline, checked
from nextgpt_registry.errors import SourceError
from nextgpt_registry.specs import Decoder

_LIBRARIES = ("diffusers", "transformers", "stable_audio", "ace_step")
"""Where the parts of a pipeline may come from; a folder inside diffusers' pipelines is of these."""


def describe(spec: Decoder, paths: Mapping[str, Path]) -> Decoder:
    """The decoder that the folder `paths["pipeline"]` is.

    Raises:
        SourceError: its class is not among `PIPELINES` or makes another modality, a file is
            missing, or its parts do not fit together.
    """
    folder = Folder(paths["pipeline"])
    known = known_pipeline(folder, modality=spec.modality)
    needed = (*spec.requires, *known.requires)
    checks = checked(folder)
    looked = ", looked at by its safety checker" if checks else ""
    parts = (*known.parts, CHECKER) if checks else known.parts
    return spec.model_copy(
        update={
            "summary": f"{folder.pipeline} of {folder.path.name}{looked}",
            "conditions": known.conditions(folder),
            "max_batch": min(spec.max_batch, known.max_batch),
            "parameters": folder.parameters(parts),
            "requires": tuple(dict.fromkeys(needed)),
            "licence": folder.licence or spec.licence,
        }
    )


def known_pipeline(folder: Folder, *, modality: str) -> Pipeline:
    """The entry of `PIPELINES` for a folder, all of whose parts are there.

    Raises:
        SourceError: there is none, or a part is missing or needs code from elsewhere.
    """
    who, found = str(folder.path), PIPELINES.get(folder.pipeline)
    if found is None or found.modality != modality:
        fitting = [name for name, one in PIPELINES.items() if one.modality == modality]
        what = "is not known here" if found is None else f"makes {found.modality}"
        raise SourceError(
            who,
            f"its class {folder.pipeline} {what}",
            f"known for {modality}: {', '.join(fitting)}",
        )
    absent = [part for part in found.parts if folder.kind(part) == (None, None)]
    if absent:
        raise SourceError(
            who, f"has no {', '.join(absent)}", "name a pipeline that is whole: captions need it"
        )
    for part in folder.parts:
        library, name = folder.kind(part)
        if part not in LEFT_OUT and library not in (*_LIBRARIES, None):
            raise SourceError(
                who,
                f"{part} is {library}.{name}, code from elsewhere",
                f"name a pipeline whose parts are of {' and '.join(_LIBRARIES[:2])}",
            )
    return found
