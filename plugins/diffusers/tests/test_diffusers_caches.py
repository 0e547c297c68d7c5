"""Step caches leave steps out, and leave nothing behind: not in a call, a batch or a pipeline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from drawing import draw, seeds
from torch import nn

from nextgpt_diffusers import build, cards, qwen_cards
from nextgpt_diffusers.models import Image, Video
from nextgpt_diffusers.options import ImageOptions, Sd15Options, VideoOptions, ZeroscopeOptions
from nextgpt_diffusers.words import qwen_words, t5_words
from nextgpt_registry.errors import DecodeError
from nextgpt_registry.protocols import DecodeBatch

CAPTIONS = ["a red cat", "rain on tin"]
STEPS = 10
CACHES = [("wan", "first-block"), ("wan", "sea"), ("wan", "taylorseer"), ("flux2", "taylorseer")]

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def wan() -> Any:
    """Three blocks that hardly do anything, so that steps are alike."""
    card = cards.narrow_wan(16)
    pipe = build.wan({**card, "transformer": {**card["transformer"], "num_layers": 3}}, t5_words())
    for block in pipe.transformer.blocks:
        nn.init.constant_(block.scale_shift_table, 0.01)
    return pipe


def flux2() -> Any:
    card = {**qwen_cards.narrow_flux2_klein(16), "pipeline": {"is_distilled": False}}
    return build.flux2_klein(card, qwen_words())


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    size = {"height": 64, "width": 64, "steps": STEPS, "guidance": 4.0}
    made: dict[str, Any] = {}

    def get(name: str) -> Any:
        if name not in made:
            folder: Path = tmp_path_factory.mktemp(name)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                {"wan": wan, "flux2": flux2}[name]().save_pretrained(folder)
            decoder: Any = (
                Video(VideoOptions(frames=5, **size))
                if name == "wan"
                else Image(ImageOptions(**size))
            )
            decoder.load({"pipeline": folder})
            made[name] = decoder.eval().requires_grad_(False)
        return made[name]

    return get


def passes(decoder: Any, *numbers: int, **options: Any) -> tuple[list[Any], int]:
    """The media, and how often the last attention was computed."""
    runs: list[None] = []
    layers = decoder.pipe.transformer.named_modules()
    *_, last = (
        layer for name, layer in layers if name.endswith(("attn2.to_out.0", ".attn.to_out"))
    )
    hook = last.register_forward_hook(lambda *_: runs.append(None))
    try:
        conditions = decoder.caption_targets(CAPTIONS[: len(numbers)])
        return draw(decoder, conditions, *numbers, **options), len(runs)
    finally:
        hook.remove()


@pytest.mark.parametrize(("name", "cache"), CACHES)
def test_a_step_cache_leaves_steps_out_and_then_nothing_behind(
    name: str, cache: str, live: Callable[[str], Any]
) -> None:
    decoder = live(name)
    [plain], all_of_them = passes(decoder, 1)

    [quick], some = passes(decoder, 1, step_cache=cache)
    [other], _ = passes(decoder, 2, step_cache=cache)
    [again], _ = passes(decoder, 1, step_cache=cache)
    [after], all_again = passes(decoder, 1)

    assert all_of_them == all_again == 2 * STEPS
    assert some < all_of_them
    assert quick.data.shape == plain.data.shape
    assert quick == again != other
    assert quick != plain
    assert after == plain


@pytest.mark.parametrize(("name", "cache"), CACHES)
def test_items_of_a_batch_share_no_cache(name: str, cache: str, live: Callable[[str], Any]) -> None:
    decoder = live(name)
    conditions = decoder.caption_targets(CAPTIONS)
    told: list[tuple[int, int]] = []

    with torch.no_grad():
        together = decoder.decode(
            DecodeBatch(
                conditions,
                options=decoder.options.model_copy(update={"step_cache": cache}),
                generators=seeds(1, 2),
                on_step=lambda done, total: told.append((done, total)),
            )
        )
    alone = [
        draw(decoder, {n: v[k : k + 1] for n, v in conditions.items()}, k + 1, step_cache=cache)[0]
        for k in range(2)
    ]

    for one, other in zip(together, alone, strict=True):
        assert np.abs(one.data.astype(int) - other.data).max() <= 1
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]


def test_a_call_that_fails_leaves_no_cache_behind(live: Callable[[str], Any]) -> None:
    decoder = live("wan")
    conditions = decoder.caption_targets(CAPTIONS[:1])
    [plain] = draw(decoder, conditions, 1)

    with pytest.raises(DecodeError, match="not finite"):
        draw(decoder, {"text": conditions["text"] * float("nan")}, 1, step_cache="taylorseer")

    assert draw(decoder, conditions, 1) == [plain]


def test_a_cache_that_a_pipeline_cannot_use_is_refused(live: Callable[[str], Any]) -> None:
    flux = live("flux2")
    twin = Video(VideoOptions(narrow=16, frames=5, height=64, width=64, steps=2))
    painter = Image(ImageOptions(narrow=16, height=64, width=64, steps=2))

    for decoder, cache, said in (
        (flux, "first-block", "use one of: taylorseer"),
        (twin, "first-block", "has one block"),
        (painter, "taylorseer", "it has none"),
    ):
        with pytest.raises(DecodeError, match=said):
            draw(decoder, decoder.caption_targets(CAPTIONS[:1]), 1, step_cache=cache)


@pytest.mark.parametrize("options", [Sd15Options, ZeroscopeOptions])
def test_a_decoder_that_never_can_refuses_in_its_config(options: Any) -> None:
    with pytest.raises(ValueError, match="step_cache"):
        options(step_cache="first-block")
