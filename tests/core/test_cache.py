from __future__ import annotations

import threading

import pytest
import torch
from transformers.cache_utils import DynamicCache

from nextgpt_core.engine.features import FeatureCache
from nextgpt_core.engine.prefix import PrefixPool
from nextgpt_core.engine.turnstile import Turnstile
from nextgpt_core.llm.cache import GrowingCache, cache_argument


def feature(size: int) -> torch.Tensor:
    return torch.zeros(size, 1, dtype=torch.uint8)


def test_feature_cache_stays_within_its_bytes_and_drops_the_longest_unused() -> None:
    cache = FeatureCache(100)
    cache.put(("a", "", True), feature(40))
    cache.put(("b", "", True), feature(40))
    assert cache.get(("a", "", True)) is not None  # now "b" is the longest unused

    cache.put(("c", "", True), feature(40))

    assert cache.get(("b", "", True)) is None
    assert cache.get(("a", "", True)) is not None
    assert (cache.size, len(cache)) == (80, 2)


def test_feature_larger_than_the_cache_is_not_kept() -> None:
    cache = FeatureCache(10)

    cache.put(("a", "", True), feature(11))

    assert (cache.size, len(cache)) == (0, 0)


def test_same_key_is_counted_once() -> None:
    cache = FeatureCache(100)
    cache.put(("a", "", True), feature(40))
    cache.put(("a", "", True), feature(30))

    assert cache.size == 30
    cache.clear()
    assert cache.size == 0


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


def test_pool_forgets_the_oldest_beyond_its_positions() -> None:
    pool = PrefixPool(GrowingCache, positions=10)
    filled(pool, "aaaaaa")
    filled(pool, "bbbbbb")

    with pool.lend("aaaaaax") as prefix:
        assert prefix.keys == []
    with pool.lend("bbbbbbx") as prefix:
        assert len(prefix.keys) == 6


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


@pytest.mark.timeout(30)
def test_turnstile_hands_on_in_order() -> None:
    turnstile, order = Turnstile(), []
    waiting = []
    with turnstile:
        for name in range(4):
            thread = threading.Thread(target=lambda n=name: _pass(turnstile, order, n))
            thread.start()
            waiting.append(thread)
            while len(turnstile._waiting) <= name:
                pass
    for thread in waiting:
        thread.join()

    assert order == [0, 1, 2, 3]


def _pass(turnstile: Turnstile, order: list[int], name: int) -> None:
    with turnstile:
        order.append(name)


class Older(torch.nn.Module):
    def forward(self, inputs_embeds: object, past_key_values: object = None) -> None: ...


class Newer(torch.nn.Module):
    def forward(self, inputs_embeds: object, cache: object = None) -> None: ...


def test_a_cache_is_handed_over_under_the_name_that_the_model_knows() -> None:
    assert cache_argument(Older()) == "past_key_values"
    assert cache_argument(Newer()) == "cache"  # the other warns at every run
