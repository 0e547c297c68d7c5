"""Captions to conditions: the text encoder that mini's three decoders share.

Legend: B batch, L words, T condition tokens (8), D width (192).

Each condition token is a *slot* that answers one question about a scene (what, which colour, how
many, ...). The encoder is trained before any decoder to answer them from any wording, then frozen:
so captions that mean the same get the same conditions, known words combine freely, and decoders
and language model can be trained independently of each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import T5Config, T5EncoderModel

from nextgpt_mini.options import CONDITION_TOKENS, CONDITION_WIDTH

LENGTH = 32


@cache
def word_tokenizer() -> Tokenizer:
    """The word-level tokenizer that ships with the plugin; unknown words are one token."""
    text = files("nextgpt_mini").joinpath("words.json").read_text(encoding="utf-8")
    tokenizer = Tokenizer.from_str(text)
    tokenizer.enable_truncation(LENGTH)
    tokenizer.enable_padding(pad_id=0, pad_token="[pad]")
    return tokenizer


class CaptionEncoder(nn.Module):
    """Captions -> (B, T, D), normalised slot by slot."""

    def __init__(self, layers: int = 3) -> None:
        """Build with random weights; `layers` T5 encoder layers."""
        super().__init__()
        width = CONDITION_WIDTH
        self.tokenizer = word_tokenizer()
        self.words = T5EncoderModel(
            T5Config(
                vocab_size=self.tokenizer.get_vocab_size(),
                d_model=width,
                d_kv=width // 4,
                d_ff=512,
                num_layers=layers,
                num_heads=4,
                feed_forward_proj="gated-gelu",
                dropout_rate=0.0,
                pad_token_id=0,
            )
        )
        self.slots = nn.Parameter(torch.randn(CONDITION_TOKENS, width) * 0.5)
        self.attention = nn.MultiheadAttention(width, 4, batch_first=True)
        self.mix = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.norm = nn.LayerNorm(width, elementwise_affine=False)

    def forward(self, captions: Sequence[str]) -> Tensor:
        """B captions -> (B, T, D)."""
        device = self.slots.device
        encoded = self.tokenizer.encode_batch([f"[start] {c.lower()}" for c in captions])
        ids_BL = torch.tensor([e.ids for e in encoded], device=device)
        mask_BL = torch.tensor([e.attention_mask for e in encoded], device=device)
        words_BLD = self.words(input_ids=ids_BL, attention_mask=mask_BL).last_hidden_state
        slots_BTD = self.slots.expand(len(captions), -1, -1)
        read_BTD, _ = self.attention(
            slots_BTD, words_BLD, words_BLD, key_padding_mask=mask_BL == 0, need_weights=False
        )
        read_BTD = read_BTD + slots_BTD
        out_BTD: Tensor = self.norm(read_BTD + self.mix(read_BTD))
        return out_BTD
