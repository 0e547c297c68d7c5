"""Components that come to their device for a call: one at a time, and home again."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
import torch

from nextgpt_core.assembly.components import Blame, LiveDecoder, Recipe, on_device
from nextgpt_core.features.cache import TensorCache
from nextgpt_core.testing.toy import MANIFEST, PainterOptions
from nextgpt_core.training.media import caption_targets

_DEVICE = "cpu:0"  # told from home, "cpu"


@dataclass
class Room:
    """Who is on the device, and how many were at once."""

    there: list[str] = field(default_factory=list)
    most: int = 0
    stays: int = 0


@dataclass
class Component:
    """Notes where it is sent."""

    name: str
    room: Room

    def to(self, device: str) -> None:
        if device == _DEVICE:
            self.room.there.append(self.name)
            self.room.stays += 1
            self.room.most = max(self.room.most, len(self.room.there))
        else:
            self.room.there.remove(self.name)


class Writer(Component):
    """Knows captions."""

    def __init__(self, name: str, room: Room) -> None:
        super().__init__(name, room)
        self.asked: list[str] = []

    def caption_targets(self, captions: list[str]) -> dict[str, torch.Tensor]:
        self.asked += captions
        return {"text": torch.ones(len(captions), 4, 12)}


def recipe(*, offload: bool) -> Recipe:
    blame, spec = Blame("toy", "painter"), MANIFEST.decoders[0]
    return Recipe(blame, spec, PainterOptions(), device=_DEVICE, offload=offload)


def test_of_offloaded_components_one_at_a_time_is_there() -> None:
    room = Room()

    def call(name: str) -> list[str]:
        with on_device(Component(name, room), recipe(offload=True)):
            time.sleep(0.01)  # long enough for the others to ask
            return list(room.there)

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(call, "abcdefgh"))

    assert seen == [[name] for name in "abcdefgh"]
    assert (room.most, room.there) == (1, [])


def test_a_call_that_fails_leaves_the_device_to_the_next() -> None:
    room = Room()
    with pytest.raises(ZeroDivisionError), on_device(Component("a", room), recipe(offload=True)):
        raise ZeroDivisionError
    with on_device(Component("b", room), recipe(offload=True)):
        assert room.there == ["b"]


def test_captions_of_a_batch_are_asked_for_in_one_stay() -> None:
    room = Room()
    writer = Writer("a", room)
    decoder, cache = (
        LiveDecoder(recipe(offload=True), writer),
        TensorCache(memory_bytes=1 << 20),
    )

    for captions in (["a cat", "a dog", "a cat"], ["a dog", "a cat"]):
        found = caption_targets(decoder, cache, captions, torch.device("cpu"))
        assert found["text"].shape == (len(captions), 4, 12)

    assert writer.asked == ["a cat", "a dog"]
    assert (room.stays, room.there) == (1, [])


def test_what_is_not_offloaded_is_left_where_it_is() -> None:
    room = Room()
    with on_device(Component("a", room), recipe(offload=False)):
        assert room.there == []
