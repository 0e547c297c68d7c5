from __future__ import annotations

import pytest
import torch
from transformers import LlamaConfig
from transformers.cache_utils import DynamicCache

from nextgpt_core.engine.prefix import PrefixPool
from nextgpt_core.features.cache import TensorCache
from nextgpt_core.llm.cache import GrowingCache, held_bytes
from nextgpt_core.llm.feeding import feedings


def feature(size: int) -> torch.Tensor:
    return torch.zeros(size, 1, dtype=torch.uint8)


def test_memory_stays_within_its_bytes_and_drops_the_longest_unused() -> None:
    cache = TensorCache(memory_bytes=100)
    cache.put("x", "a", feature(40))
    cache.put("x", "b", feature(40))
    assert cache.get("x", "a") is not None  # now "b" is the longest unused

    cache.put("x", "c", feature(40))

    assert cache.get("x", "b") is None
    assert cache.get("x", "a") is not None
    assert cache.size == 80


def test_tensor_larger_than_the_memory_is_not_kept() -> None:
    cache = TensorCache(memory_bytes=10)

    cache.put("x", "a", feature(11))

    assert (cache.get("x", "a"), cache.size) == (None, 0)


def test_same_name_is_counted_once() -> None:
    cache = TensorCache(memory_bytes=100)

    cache.put("x", "a", feature(40))
    cache.put("x", "a", feature(30))

    assert cache.size == 30


def filled(pool: PrefixPool, keys: str) -> None:
    with pool.lend(keys) as prefix:
        held = len(prefix.keys)
        states = torch.zeros(1, 1, len(keys) - held, 4)
        prefix.cache.update(states, states, 0)
        prefix.keys.extend(keys[held:])


def test_prefix_is_cut_to_what_is_shared() -> None:
    pool = PrefixPool(GrowingCache)
    filled(pool, "abcdef")

    with pool.lend("abcdxyz") as prefix:
        assert "".join(map(str, prefix.keys)) == "abcd"
        assert prefix.cache.get_seq_length() == 4


def test_last_position_is_computed_again() -> None:
    pool = PrefixPool(GrowingCache)
    filled(pool, "abcd")

    with pool.lend("abcd") as prefix:
        assert len(prefix.keys) == 3


def test_prefix_of_another_conversation_is_left_alone() -> None:
    pool = PrefixPool(GrowingCache)
    filled(pool, "sys-first-conversation")

    with pool.lend("sys-other") as prefix:
        assert prefix.keys == []
    with pool.lend("sys-first-conversation!") as prefix:
        assert len(prefix.keys) == 22


def test_a_lent_prefix_is_nobody_elses() -> None:
    pool = PrefixPool(GrowingCache)
    filled(pool, "abcd")

    with pool.lend("abcde") as one, pool.lend("abcde") as two:
        assert (len(one.keys), len(two.keys)) == (4, 0)


def test_fresh_prefix_is_empty() -> None:
    pool = PrefixPool(GrowingCache)
    filled(pool, "abcd")

    with pool.lend("abcde", fresh=True) as prefix:
        assert prefix.keys == []


def held(pool: PrefixPool) -> int:
    """The bytes of the tensors that are there, whatever the pool says."""
    layers = [layer for prefix in pool._kept for layer in prefix.cache.layers]
    return sum(
        tensor.untyped_storage().nbytes() for one in layers for tensor in (one.keys, one.values)
    )


def test_pool_forgets_the_oldest_beyond_its_bytes() -> None:
    pool = PrefixPool(GrowingCache, limit_bytes=1000)  # a position takes 32
    filled(pool, "a" * 20)
    filled(pool, "b" * 20)

    with pool.lend("a" * 21) as prefix:
        assert prefix.keys == []
    with pool.lend("b" * 21) as prefix:
        assert len(prefix.keys) == 20


@pytest.mark.parametrize("cache", [GrowingCache, DynamicCache])
def test_pool_counts_what_is_allocated_and_stays_within_it(cache: type) -> None:
    pool, sizes = PrefixPool(cache, limit_bytes=100_000), []

    for number in range(100):
        filled(pool, f"{number:03}" * 7)
        sizes.append(pool.size)
        assert pool.size == held(pool) <= 100_000

    assert len(pool) == 32
    assert max(sizes[50:]) == sizes[49] < 2 * 32 * 21 * 32


def test_prefix_that_grew_and_was_cut_gives_its_memory_back() -> None:
    pool = PrefixPool(GrowingCache)
    filled(pool, "a" * 300)

    filled(pool, "a" * 160 + "b")

    assert len(pool) == 1
    assert pool.size == held(pool) == 161 * 32


def test_last_prefix_is_kept_whatever_its_size_unless_nothing_is() -> None:
    small, none = PrefixPool(GrowingCache, limit_bytes=1), PrefixPool(GrowingCache, limit_bytes=0)
    for pool in (small, none):
        filled(pool, "aaaa")
        filled(pool, "bbbb")

    assert (len(small), len(none)) == (1, 0)


def test_every_kind_of_state_counts() -> None:
    class Recurrent:
        def __init__(self) -> None:
            whole = torch.zeros(10, 4)
            self.states = {0: whole[:1], 1: [whole[1:2], torch.zeros(2)]}
            self.model = torch.nn.Linear(100, 100)

    assert held_bytes(Recurrent()) == 10 * 4 * 4 + 2 * 4


def test_broken_prefix_is_not_kept() -> None:
    pool = PrefixPool(GrowingCache)
    with pool.lend("abcd") as prefix:
        prefix.keys.extend("abcd")
        prefix.broken = True

    with pool.lend("abcde") as prefix:
        assert prefix.keys == []


def test_cache_that_cannot_be_cut_is_only_extended() -> None:
    pool = PrefixPool(DynamicCache)
    filled(pool, "abcd")

    with pool.lend("abcx") as prefix:
        assert prefix.keys == []
    with pool.lend("abcde") as prefix:
        assert len(prefix.keys) == 4


class Older(torch.nn.Module):
    def forward(self, inputs_embeds: object, past_key_values: object = None) -> None: ...


class Newer(torch.nn.Module):
    def forward(self, inputs_embeds: object, cache: object = None) -> None: ...


def test_a_cache_is_handed_over_under_the_name_that_the_model_knows() -> None:
    older, newer = (next(feedings(LlamaConfig(), one())) for one in (Older, Newer))

    assert older.argument == "past_key_values"
    assert newer.argument == "cache"  # the other warns at every run
