"""A text or a medium as one vector: its features (T, W), pooled. Knows no modality."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from nextgpt_core.engine.answering import Resources
from nextgpt_registry.errors import RequestError
from nextgpt_registry.messages import Part


@dataclass(frozen=True)
class Embedding:
    """A direction: comparable to others of the same channel, or of text."""

    vector: tuple[float, ...]  # of length 1
    tokens: int  # that it is the mean of


def embedding(shared: Resources, part: Part) -> Embedding:
    """The mean of a medium's features, or of the language model's last states over a text.

    Raises:
        RequestError: the text is empty, or longer than the language model reads; or the part holds
            no medium.
    """
    if isinstance(part, str):
        x_TW = shared.language.states(_ids(shared, part))
    elif part.media is None:
        raise RequestError("embedding", "holds no medium", "give one")
    else:
        with torch.no_grad():
            x_TW = shared.features.reading().features_of(part.channel, part.media)
    pooled_W = torch.nn.functional.normalize(x_TW.float().cpu().mean(dim=0), dim=0)
    return Embedding(tuple(pooled_W.tolist()), len(x_TW))


def _ids(shared: Resources, text: str) -> list[int]:
    composer, most = shared.system.composer, shared.system.model.backbone.context
    if len(text) > most * composer.longest_token:
        raise _too_long(f"{len(text):,} characters", most)
    ids = composer.tokenize(text, quoted=True)
    if not 0 < len(ids) <= most:
        raise _too_long(f"{len(ids)} tokens", most)
    return ids


def _too_long(found: str, most: int) -> RequestError:
    return RequestError("text", f"has {found}", f"give from 1 to {most} tokens")
