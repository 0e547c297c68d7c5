"""A text or a medium as one vector: its features, pooled. Knows no modality.

Legend: T tokens, W width of what computes them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nextgpt_core.engine.answering import Resources
from nextgpt_registry.errors import RequestError
from nextgpt_registry.messages import Part


@dataclass(frozen=True)
class Embedding:
    """A direction: comparable to others of the same channel, or of text."""

    vector: tuple[float, ...]  # of length 1
    tokens: int  # that it is the mean of


@torch.no_grad()
def embedding(shared: Resources, part: Part) -> Embedding:
    """The mean of a medium's features, or of the language model's last states over a text.

    Raises:
        RequestError: the text is empty, or longer than the language model reads; or the part holds
            no medium.
    """
    x_TW = (_text(shared, part) if isinstance(part, str) else _medium(shared, part)).float().cpu()
    pooled_W = torch.nn.functional.normalize(x_TW.mean(dim=0), dim=0)
    return Embedding(tuple(pooled_W.tolist()), len(x_TW))


def _text(shared: Resources, text: str) -> Tensor:
    """(T, W)."""
    backbone, composer = shared.system.model.backbone, shared.system.composer
    most = backbone.context
    if len(text) > most * composer.longest_token:
        raise _too_long(f"{len(text):,} characters", most)
    ids = composer.tokenize(text, quoted=True)
    if not 0 < len(ids) <= most:
        raise _too_long(f"{len(ids)} tokens", most)
    ids_BT = torch.tensor([ids], device=backbone.device)
    return backbone.run(backbone.embed(ids_BT)).final_BTD[0]


def _medium(shared: Resources, part: Part) -> Tensor:
    """(T, W)."""
    if isinstance(part, str) or part.media is None:
        raise RequestError("embedding", "holds no medium", "give one")
    return shared.features.of(part.channel, part.media)


def _too_long(found: str, most: int) -> RequestError:
    return RequestError("text", f"has {found}", f"give from 1 to {most} tokens")
