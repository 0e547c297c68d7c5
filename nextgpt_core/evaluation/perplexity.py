"""How well a system foretells the answers of plain text, beside the bare language model.

Both read the same token ids; what counts are the words of the answers, not where they end, for an
answer in a data set may have been cut. The system is taken as it runs: with its adapters, and with
its signal rows among the possible next tokens. Knows no media.
Legend: T positions, N answer tokens, V the vocabulary, S signals, D width.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from math import exp, isfinite, sqrt
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from nextgpt_core.assembly.assemble import bare_backbone
from nextgpt_core.evaluation.metrics import Interval, Z
from nextgpt_core.llm.backbone import Backbone
from nextgpt_core.llm.head import FIX
from nextgpt_core.prompt.compose import UNLABELLED, Prompt
from nextgpt_core.system import System
from nextgpt_registry.errors import RequestError, ShapeError
from nextgpt_registry.messages import Dialogue


def perplexities(system: System, dialogues: Sequence[Dialogue]) -> dict[str, Any]:
    """{"n", "tokens", "system", "base", "ratio"} over the answers of all dialogues.

    `ratio` is [value, low, high]: the system's perplexity divided by that of its language model,
    which is loaded once more for it. A 95 % interval, with dialogues as the sampling units.

    Raises:
        RequestError: a dialogue holds a medium.
        SourceError: the language model cannot be had.
    """
    if any(turn.media for dialogue in dialogues for turn in dialogue):
        raise RequestError("perplexity", "a dialogue holds media", "give text alone")
    model, composer = system.model, system.composer
    prompts = [
        _words(composer.compose(d, feature_tokens={}, answer=False), composer.ends.ids)
        for d in dialogues
    ]
    ours = [
        surprise(model.backbone, prompt, model.rows.output if model.vocabulary.size else None)
        for prompt in prompts
    ]
    base = bare_backbone(system.plan)
    theirs = [surprise(base, prompt) for prompt in prompts]
    tokens = [sum(label != UNLABELLED for label in prompt.labels) for prompt in prompts]
    return {
        "n": len(prompts),
        "tokens": sum(tokens),
        "system": round(exp(sum(ours) / sum(tokens)), 4),
        "base": round(exp(sum(theirs) / sum(tokens)), 4),
        "ratio": [round(value, 4) for value in ratio(ours, theirs, tokens)],
    }


def _words(prompt: Prompt, ends: Collection[int]) -> Prompt:
    return replace(prompt, labels=tuple(UNLABELLED if t in ends else t for t in prompt.labels))


@torch.no_grad()
def surprise(backbone: Backbone, prompt: Prompt, rows_SD: Tensor | None = None) -> float:
    """The negative log likelihood of a prompt's labelled tokens, summed, in nats."""
    ids_T = torch.tensor(prompt.ids, device=backbone.device)
    labels_T = torch.tensor(prompt.labels, device=backbone.device)[1:]
    final_TD = backbone.run(backbone.embed(ids_T[None])).final_BTD[0, :-1]
    wanted_T = labels_T != UNLABELLED
    logits_NV = backbone.logits(final_TD[wanted_T], rows_SD).float()
    found = float(F.cross_entropy(logits_NV, labels_T[wanted_T], reduction="sum"))
    if not isfinite(found):
        raise ShapeError("language model", "gives NaN or infinite numbers for a dialogue", FIX)
    return found


def ratio(ours: Sequence[float], theirs: Sequence[float], tokens: Sequence[int]) -> Interval:
    """Summed surprises and tokens of each dialogue -> the ratio of perplexities.

    Its logarithm is a ratio of two sums over dialogues, whose variance is the usual one of ratio
    estimators (Cochran, Sampling Techniques, 6.4).
    """
    total, count = sum(tokens), len(tokens)
    more = [a - b for a, b in zip(ours, theirs, strict=True)]
    mean = sum(more) / total
    rest = sum((d - mean * t) ** 2 for d, t in zip(more, tokens, strict=True))
    error = sqrt(count / max(count - 1, 1) * rest) / total
    return exp(mean), exp(mean - Z * error), exp(mean + Z * error)
