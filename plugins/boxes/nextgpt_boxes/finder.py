"""The decoder: from a condition and the conversation's latest picture to boxes. Draws no noise.

Legend: B batch, T tokens, D width, K labels, G cells along a side, N boxes.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from nextgpt_boxes.files import picture_of, preview_pixels, to_square, with_margin
from nextgpt_boxes.losses import heat_loss, heat_of
from nextgpt_boxes.medium import Box, of_media, to_media
from nextgpt_boxes.network import CELLS, SIDE, Network, Seen
from nextgpt_boxes.options import FinderOptions
from nextgpt_boxes.words import CaptionEncoder, labels
from nextgpt_registry.errors import DecodeError, SourceError
from nextgpt_registry.media import Media
from nextgpt_registry.protocols import DecodeBatch
from nextgpt_registry.tensors import load_compact

_MARGIN = 0.4
"""Of the sides, around a picture in which nothing was found: it is looked at from farther away."""


class Finder(nn.Module):
    """Boxes of what the condition asks for, with the names of the things in them."""

    def __init__(self, options: FinderOptions) -> None:
        """Random weights, the same in every process."""
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.text = CaptionEncoder()
            self.network = Network(len(labels()), options.hidden, options.repeats)

    def load(self, paths: Mapping[str, Path]) -> None:
        """Load `finder`.

        Raises:
            SourceError: its tensors do not fit, or it was trained to name other things.
        """
        if "finder" not in paths:
            return
        path = paths["finder"]
        state = load_compact(path)
        with safe_open(path, framework="pt") as file:
            named = json.loads((file.metadata() or {}).get("labels", "[]"))
        if not isinstance(named, list) or tuple(named) != labels():
            raise SourceError(
                str(path),
                f"names {len(named)} things, and not those of labels.json ({len(labels())})",
                "train it anew: `nextgpt boxes train`",
            )
        try:
            self.load_state_dict(state)
        except RuntimeError as error:
            raise SourceError(
                str(path),
                f"tensors do not fit: {error}",
                "leave the options `hidden` and `repeats` as they were",
            ) from error

    def batch_key(self, options: FinderOptions) -> Hashable:
        """Items that keep the same boxes may share a call."""
        return options.threshold, options.most

    @torch.no_grad()
    def decode(self, batch: DecodeBatch) -> list[Media]:
        """{"text": (B, T, D)}, B conversations' pictures -> B media of boxes; nothing is drawn.

        Raises:
            DecodeError: there is no picture in a conversation.
        """
        if not all(batch.taken):
            raise DecodeError(
                "boxes-finder",
                "there is no picture in the conversation to find anything in",
                "show one before you ask where something is",
            )
        made, total = [], len(batch)
        asked = zip(batch.conditions["text"], batch.taken, strict=True)
        for n, (text_TD, [picture, *_]) in enumerate(asked):
            batch.on_step(n, total)  # each alone: the same in any batch
            made.append(self._find(text_TD[None], picture, batch.options))
        batch.on_step(total, total)
        return made

    @torch.no_grad()
    def caption_targets(self, captions: Sequence[str]) -> dict[str, Tensor]:
        """B captions (`the cat`, `every thing`, `the thing at the top`) -> {"text": (B, T, D)}."""
        return {"text": self.text(captions)}

    def denoising_loss(self, media: Sequence[Media], batch: DecodeBatch) -> Tensor:
        """B media with a preview, {"text": (B, T, D)} -> (B,): how far other centres are asked for.

        Raises:
            MediaError: a medium holds no preview of its picture.
        """
        text_BTD = batch.conditions["text"]
        found = [of_media(medium) for medium in media]
        pictures = [preview_pixels(boxes) for boxes in found]
        x_B3HW = torch.stack([to_square(pixels, SIDE) for pixels in pictures]).to(text_BTD)
        heat_BGG = self.network.ask(self.network.look(x_B3HW), text_BTD)
        wanted = [heat_of([box.corners for box in boxes.boxes], CELLS) for boxes in found]
        return heat_loss(heat_BGG, torch.stack(wanted).to(heat_BGG))

    def _find(self, text_1TD: Tensor, picture: Media, options: FinderOptions) -> Media:
        found = self._look(text_1TD, picture.data, options)
        if not found:  # what fills a picture is larger than anything in training
            found = self._look(text_1TD, picture.data, options, margin=_MARGIN)
        return to_media(picture_of(picture), found)

    def _look(
        self, text_1TD: Tensor, pixels: Any, options: FinderOptions, *, margin: float = 0.0
    ) -> list[Box]:
        x_13HW = to_square(with_margin(pixels, margin), SIDE)[None].to(text_1TD)
        seen = self.network.look(x_13HW)
        scores_GG = self.network.ask(seen, text_1TD)[0].sigmoid()
        return boxes_of(seen, scores_GG, options, margin=margin)


def boxes_of(
    seen: Seen, scores_GG: Tensor, options: FinderOptions, *, margin: float = 0.0
) -> list[Box]:
    """What was seen in one picture and the cells' scores -> its boxes, the surest first.

    A cell counts where none beside it has a higher score. Corners are those of the picture without
    its `margin`.
    """
    highest_GG = max_pool2d(scores_GG[None], 3, 1, 1)[0]
    peaks_N = torch.where(scores_GG == highest_GG, scores_GG, -1.0).flatten()
    scores_N, cells_N = peaks_N.float().topk(min(options.most, peaks_N.numel()))
    seen_N4 = seen.boxes_B4GG[0].flatten(1)[:, cells_N].T.float()
    corners_N4 = ((1 + 2 * margin) * seen_N4 - margin).clamp(0, 1)
    low_N2, high_N2 = corners_N4[:, :2], corners_N4[:, 2:]
    corners = torch.cat((torch.minimum(low_N2, high_N2), torch.maximum(low_N2, high_N2)), 1)
    named_N = seen.labels_BKGG[0].argmax(0).flatten()[cells_N].tolist()
    rows = zip(scores_N.tolist(), named_N, corners.tolist(), strict=True)
    return [
        Box(label=labels()[name], score=score, x0=x0, y0=y0, x1=x1, y1=y1)
        for score, name, (x0, y0, x1, y1) in rows
        if score >= options.threshold
    ]
