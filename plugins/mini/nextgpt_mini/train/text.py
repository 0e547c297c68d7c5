"""Train the caption encoder: every slot must answer its question from any wording."""

from __future__ import annotations

from functools import cache
from random import Random

import torch
from torch import Tensor, nn

from nextgpt_core.training.module import Run, train
from nextgpt_mini.options import CONDITION_WIDTH
from nextgpt_mini.text import CaptionEncoder
from nextgpt_world.scene import Scene, brief, caption, facts, phrase
from nextgpt_world.split import check_trainable, sample_scene
from nextgpt_world.train.parts import drawn, wrong
from nextgpt_world.vocabulary import vocabulary

QUESTIONS = ("thing", "colour", "count", "place", "size", "motion", "repetition", "kind")
"""What each condition token answers, in order."""


@cache
def answers(question: str) -> tuple[str, ...]:
    """The possible answers; the first is that the caption does not say."""
    words = vocabulary()
    if question == "thing":
        return ("", *dict.fromkeys((*words.objects, *words.sounds)))
    if question == "kind":
        return ("", "image", "video", "audio")
    return ("", *words.words(question))


def labels(scene: Scene | None, *, said_briefly: bool = False) -> list[int]:
    """The number of the right answer to each question; no scene, no answers."""
    if scene is None:
        return [0] * len(QUESTIONS)
    stated = facts(scene) | {"kind": scene.modality}
    stated["thing"] = stated.pop("object", "") or stated.pop("sound")
    if said_briefly:
        stated = {k: v for k, v in stated.items() if k in ("thing", "count", "size", "motion")}
    return [answers(q).index(stated.get(q, "")) for q in QUESTIONS]


def _example(rng: Random) -> tuple[str, list[int]]:
    if rng.random() < 0.02:
        return "", labels(None)
    scene = check_trainable(sample_scene(rng.choice(("image", "video", "audio")), rng))
    said_briefly = rng.random() < 0.15
    if said_briefly:
        text = brief(scene)
    else:
        text = caption(scene) if rng.random() < 0.4 else phrase(scene, rng)
    if rng.random() < 0.2:
        text += "."
    return text, labels(scene, said_briefly=said_briefly)


class _Quiz(nn.Module):
    def __init__(self, encoder: CaptionEncoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.heads = nn.ModuleList(nn.Linear(CONDITION_WIDTH, len(answers(q))) for q in QUESTIONS)

    def forward(self, texts: list[str]) -> list[Tensor]:
        slots_BTD = self.encoder(texts)
        return [head(slots_BTD[:, n]) for n, head in enumerate(self.heads)]


def _right(scores: list[Tensor], wanted_BQ: Tensor) -> Tensor:
    """(B,): whether all of the highest scores are those of the right answers."""
    return (torch.stack([s.argmax(-1) for s in scores], 1) == wanted_BQ).all(1)


def train_text(encoder: CaptionEncoder, run: Run, *, batch: int = 128, lr: float = 1e-3) -> float:
    """Returns the share of fresh training captions whose eight answers are all right."""
    torch.manual_seed(0)
    quiz = _Quiz(encoder)

    def loss(step: int) -> Tensor:
        texts, wanted = drawn(_example, f"text {step}", batch)
        return wrong(quiz(texts), wanted)

    train(run, "caption encoder", quiz, loss, lr=lr, decay=0.99)
    with torch.no_grad():
        asked = [drawn(_example, f"check {n}", batch) for n in range(8)]
        right = [_right(quiz(texts), wanted) for texts, wanted in asked]
    share = float(torch.cat(right).float().mean())
    run.log(all_answers_right=share)
    return share
