"""Text: many clients against one at a time, against transformers, against the memory's speed.

Knows no medium.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from nextgpt_core.benchmark.rows import Comparison, Figure, LeftOut, Rounds, alternating
from nextgpt_core.benchmark.subject import Subject, at_once, rate
from nextgpt_core.benchmark.twin import Memory, bytes_read, padded, plain_twin, written
from nextgpt_registry.messages import Message

_EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts")


def compared(subject: Subject) -> Iterator[Comparison | LeftOut]:
    """`text.*`."""
    many = subject.scale.clients
    clients = Figure(
        "text.clients", f"text, {many} clients", "tokens/s", "all at once", "one at a time"
    )
    yield Comparison((clients,), partial(_clients, subject))
    for batch in (1, many):
        name, what = f"text.generate-{batch}", f"text that `generate` writes too, {batch} at once"
        figure = Figure(name, what, "tokens/s", "the engine", "transformers' generate")
        yield Comparison((figure,), partial(_generate, subject, batch))
    text = subject.pipeline.system.model.backbone.model.config.get_text_config(decoder=True)
    if any(getattr(text, name, None) for name in _EXPERTS):
        yield LeftOut("text.step", "a token reads some of the model's experts, not all weights")
        return
    step = Figure(
        "text.step", "a token of one client", "ms", "the engine", "reading all weights once"
    )
    yield Comparison((step,), partial(_step, subject))


def _clients(subject: Subject) -> Rounds:
    asking = [partial(subject.ask, prompt) for prompt in subject.prompts(subject.scale.clients)]

    def ours() -> tuple[float]:
        subject.forget()
        return (rate(lambda: at_once(asking)),)

    def other() -> tuple[float]:
        subject.forget()
        return (rate(lambda: [ask() for ask in asking]),)

    return alternating(ours, other)


def _generate(subject: Subject, batch: int) -> Rounds:
    system, prompts = subject.pipeline.system, subject.prompts(batch)
    ends = sorted(system.composer.ends.ids)
    twin = plain_twin(system.model.backbone)
    composed = [
        system.composer.compose([Message("user", (prompt,))], feature_tokens={})
        for prompt in prompts
    ]
    given = padded([prompt.ids for prompt in composed], pad=ends[0])
    given = {name: value.to(twin.device) for name, value in given.items()}
    asking = [partial(subject.ask, prompt) for prompt in prompts]

    def ours() -> tuple[float]:
        subject.forget()
        return (rate(lambda: at_once(asking)),)

    def other() -> tuple[float]:
        began = time.perf_counter()
        made_BT = twin.generate(
            **given,
            do_sample=False,
            max_new_tokens=subject.scale.tokens,
            eos_token_id=ends,
            pad_token_id=ends[0],
        )[:, given["input_ids"].shape[1] :]
        return (written(made_BT, ends) / (time.perf_counter() - began),)

    return alternating(ours, other)


def _step(subject: Subject) -> Rounds:
    backbone = subject.pipeline.system.model.backbone
    memory = Memory(bytes_read(backbone), backbone.device)
    prompt = " ".join(subject.prompts(8))  # kept from run to run, since it is most of what is read
    subject.forget()

    def ours() -> tuple[float]:
        timings = subject.ask(prompt).timings
        return (1e3 * timings.language_s / (timings.generated_tokens or 1),)

    return alternating(ours, lambda: (1e3 * memory.seconds(),))
