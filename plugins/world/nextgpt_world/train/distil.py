"""What the language model itself answers to everyday prompts, so that training keeps it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from nextgpt_registry.content import replace_file
from nextgpt_registry.fetch.progress import tracked
from nextgpt_world.chat.prompts import prompts

PAIRS = Path(__file__).parents[1] / "chat" / "pairs.jsonl"
MOST_TOKENS = 40
_BATCH = 32
_END = re.compile(r"(?<!\d)[.!?](?=\s|$)")


@torch.no_grad()
def distil(model_folder: Path, path: Path = PAIRS) -> Path:
    """Write one `[prompt, answer]` a line: greedy answers, cut at the end of a sentence."""
    tokenizer = AutoTokenizer.from_pretrained(model_folder, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32).eval()
    asked = sorted(prompts(), key=len)  # alike lengths in a batch: little padding
    answers: dict[str, str] = {}
    starts = range(0, len(asked), _BATCH)
    for start in tracked(starts, "answers", len(starts)):
        batch = asked[start : start + _BATCH]
        chats = [[{"role": "user", "content": prompt}] for prompt in batch]
        inputs = tokenizer.apply_chat_template(
            chats, add_generation_prompt=True, padding=True, return_tensors="pt", return_dict=True
        )
        ids_BT = model.generate(**inputs, max_new_tokens=MOST_TOKENS, do_sample=False)
        fresh_BT = ids_BT[:, inputs["input_ids"].shape[1] :]
        for prompt, ids_T in zip(batch, fresh_BT, strict=True):
            ended = bool((ids_T == tokenizer.eos_token_id).any())
            answer = shorten(tokenizer.decode(ids_T, skip_special_tokens=True), ended=ended)
            if answer:
                answers[prompt] = answer
    lines = [json.dumps([p, answers[p]], ensure_ascii=False) for p in prompts() if p in answers]
    return replace_file(path, ("\n".join(lines) + "\n").encode())


def shorten(answer: str, *, ended: bool) -> str:
    """The whole sentences of the first paragraph, or nothing if it has none.

    An answer that `ended` by itself is whole, with a full stop or without.
    """
    paragraph, *more = answer.strip().split("\n")
    if ended and not more:
        return paragraph
    ends = [match.end() for match in _END.finditer(paragraph)]
    return paragraph[: ends[-1]] if ends else ""
