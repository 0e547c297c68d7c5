"""From conditions to media. B batch, T tokens, D width, N numbers (64)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

import torch
from nextgpt_registry import Media
from nextgpt_registry.protocols import DecodeBatch
# +trainable
from safetensors.torch import load_file
# -trainable
from torch import Tensor, nn

from nextgpt_example.options import DecoderOptions


class Waves(nn.Module):
    # +untrained
    """Noise, moved step by step to what the condition says. Untrained: put your model here."""
    # -untrained
    # +trainable
    """Noise, moved step by step to what the condition says: put your model here."""
    # -trainable

    def __init__(self, options: DecoderOptions) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # the same in every process
            self.words = nn.EmbeddingBag(256, 4 * 16, mode="mean")
            self.net = nn.Sequential(nn.Linear(64 + 16, 64), nn.Tanh(), nn.Linear(64, 64))

    def load(self, paths: Mapping[str, Path]) -> None:
        # +untrained
        """Load the files that the declaration names under `weights`: none yet."""
        # -untrained
        # +trainable
        """Load the files that the declaration names under `weights`."""
        self.load_state_dict(load_file(paths["model"]))
        # -trainable

    def batch_key(self, options: DecoderOptions) -> Hashable:
        """Items whose keys are equal may share a call."""
        return options.steps

    def decode(self, batch: DecodeBatch) -> list[Media]:
        """{"text": (B, T, D)} -> B media; all chance is in its generators, one for each."""
        steps, text_BTD = batch.options.steps, batch.conditions["text"]
        x_BN = self._noise(batch)
        for step in range(steps):
            x_BN = x_BN + self._move(x_BN, text_BTD) / (steps - step)
            batch.on_step(step + 1, steps)
        return [Media("example", row.numpy()) for row in x_BN.tanh().float().cpu()]

    @torch.no_grad()
    def caption_targets(self, captions: Sequence[str]) -> dict[str, Tensor]:
        """B captions -> {"text": (B, T, D)}: what the language model is taught to say."""
        device = self.words.weight.device
        rows = [self.words(torch.tensor([list(c.encode())], device=device)) for c in captions]
        return {"text": torch.cat(rows).view(-1, 4, 16)}

    def denoising_loss(self, media: Sequence[Media], batch: DecodeBatch) -> Tensor:
        """B media, {"text": (B, T, D)} -> (B,)."""
        text_BTD = batch.conditions["text"]
        rows = [torch.tensor(medium.data)[None, None] for medium in media]
        goal_BN = torch.cat([nn.functional.interpolate(row, 64)[0] for row in rows]).to(text_BTD)
        x_BN = self._noise(batch)
        return (x_BN + self._move(x_BN, text_BTD) - goal_BN).square().mean(dim=1)

    def _noise(self, batch: DecodeBatch) -> Tensor:
        rows = [torch.randn(64, generator=one) for one in batch.generators]
        return torch.stack(rows).to(batch.conditions["text"])

    def _move(self, x_BN: Tensor, text_BTD: Tensor) -> Tensor:
        """To where the net expects the end: the whole way, of which a step goes a part."""
        return self.net(torch.cat((x_BN, text_BTD.mean(dim=1)), dim=1)) - x_BN
