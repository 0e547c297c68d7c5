"""What a caller may say with one request. Knows nothing about how it is answered."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from pydantic import ValidationError

from nextgpt_core.engine.request import Cancel
from nextgpt_core.intake.arguments import plain, text
from nextgpt_registry.config import Generation
from nextgpt_registry.errors import RequestError
from nextgpt_registry.explain import lines


class Options(TypedDict, total=False):
    """Keyword arguments of `chat` and its kin; what is left out is as in the config."""

    max_tokens: int
    temperature: float  # 0 is greedy
    top_k: int | None  # none or 0: no limit
    top_p: float
    stop: Sequence[str]
    max_media: int
    seed: int
    deterministic: bool
    require: Mapping[str, int]  # channel -> how many media at least
    decoder_options: Mapping[str, Mapping[str, Any]]  # channel -> its decoder's options
    cancel: Cancel | None


def generation(defaults: Generation, options: Options) -> Generation:
    """The config's generation settings with the request's own values in them.

    Raises:
        RequestError: an option is unknown or out of range.
    """
    own = {key: plain(value) for key, value in options.items() if key in Generation.model_fields}
    unknown = sorted(set(options) - set(own) - Options.__annotations__.keys())
    if unknown:
        known = ", ".join(sorted(Options.__annotations__))
        raise RequestError("options", f"unknown: {', '.join(unknown)}", f"known: {known}")
    if isinstance(own.get("stop"), str):
        own["stop"] = (own["stop"],)
    for name, value in own.items():
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, str):
                text(one, "stop")
            elif isinstance(one, float) and not math.isfinite(one):
                raise RequestError("options", f"{name}: is {one}", "give a finite number")
    try:  # strictly: True is no count, and "5" no number
        return Generation.model_validate({**defaults.model_dump(), **own}, strict=True)
    except ValidationError as error:
        raise RequestError("options", f"are wrong:{lines(error, Generation)}") from error
