"""A lock keeps signal ids, and refuses an installation that disagrees with a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextgpt_registry import (
    Catalog,
    Condition,
    Config,
    Decoder,
    Encoder,
    Loaded,
    Lock,
    LockError,
    Manifest,
    Modality,
    Plan,
    PlanError,
    read_lock,
    resolve,
    write_lock,
)
from nextgpt_registry.lock import LOCK_FILE, Signals, differences

FACTS = {
    "family": "llama",
    "parameters": 5000,
    "width": 16,
    "layers": 2,
    "vocabulary": 100,
    "tied": True,
    "context": 64,
}


def senses(*, signals: int = 4, width: int = 8) -> Catalog:
    """Scent and taste, each with an encoder and a decoder."""
    names = ("scent", "taste")
    condition = Condition(name="text", tokens=3, width=8)
    return Catalog.of(
        {
            "senses": Manifest(
                summary="",
                license="MIT",
                modalities=tuple(
                    Modality(name=n, summary=n, mime=(), suffixes=(f".{n}",)) for n in names
                ),
                encoders=tuple(
                    Encoder(name="in", modality=n, target="json:loads", tokens=2, width=width)
                    for n in names
                ),
                decoders=tuple(
                    Decoder(
                        name="out",
                        modality=n,
                        target="json:dumps",
                        signals=signals,
                        conditions=(condition,),
                    )
                    for n in names
                ),
            )
        }
    )


def planned(
    folder: Path,
    *channels: str,
    catalog: Catalog | None = None,
    lock: bool = False,
    facts: Mapping[str, Any] = FACTS,
    **more: Any,
) -> Plan:
    config = Config.model_validate(
        {
            "llm": {"path": "file:.", "facts": facts},
            "modalities": {name: {"encoder": "in", "decoder": "out"} for name in channels},
            "lock": LOCK_FILE if lock else None,
            **more,
        }
    )
    return resolve(Loaded(config, folder, "test"), catalog or senses())


def test_a_lock_reads_back_as_it_was_written(tmp_path: Path) -> None:
    lock = planned(tmp_path, "scent").to_lock(tokenizer="ab", weights={"lora": "cd"})

    write_lock(lock, tmp_path / LOCK_FILE)

    assert read_lock(tmp_path / LOCK_FILE) == lock
    assert [path.name for path in tmp_path.iterdir()] == [LOCK_FILE]


def test_new_modality_keeps_old_signal_ids(tmp_path: Path) -> None:
    write_lock(planned(tmp_path, "taste").to_lock(), tmp_path / LOCK_FILE)

    plan = planned(tmp_path, "scent", "taste", lock=True)

    assert {b.channel: b.first for b in plan.signals.blocks} == {"taste": 100, "scent": 104}


def test_a_channel_left_out_keeps_its_signal_ids(tmp_path: Path) -> None:
    write_lock(planned(tmp_path, "scent", "taste").to_lock(), tmp_path / LOCK_FILE)
    weights = {"project.scent": {"source": "file:."}}

    plan = planned(tmp_path, "taste", lock=True, weights=weights)

    assert [(b.channel, b.first) for b in plan.signals.blocks] == [("scent", 100), ("taste", 104)]
    assert plan.notes == ("weights.project.scent is not loaded: its channel is left out",)


def test_every_disagreement_is_told(tmp_path: Path) -> None:
    lock = planned(tmp_path, "scent").to_lock()
    older = lock.model_copy(update={"api": "2.0", "plugins": {"senses": "1.0"}})
    write_lock(older, tmp_path / LOCK_FILE)

    with pytest.raises(PlanError) as caught:
        planned(
            tmp_path,
            "scent",
            catalog=senses(signals=5, width=9),
            lock=True,
            facts={**FACTS, "width": 24, "vocabulary": 90},
        )

    assert {problem.path for problem in caught.value.problems} == {
        "lock.api",
        "lock.plugins.senses",
        "lock.llm.width",
        "lock.llm.vocabulary",
        "lock.channels.scent.encoder.width",
        "lock.channels.scent.decoder.signals",
    }


def test_a_lock_pins_weights_that_the_config_does_not(tmp_path: Path) -> None:
    pin = "ab" * 32
    lock = planned(tmp_path, "scent").to_lock(weights={"project.scent": pin})
    write_lock(lock, tmp_path / LOCK_FILE)

    plan = planned(
        tmp_path, "scent", lock=True, weights={"project.scent": {"source": "models:part"}}
    )

    assert plan.weights["project.scent"].sha256 == pin


def test_another_spelling_than_the_locked_one_is_told(tmp_path: Path) -> None:
    write_lock(planned(tmp_path, "scent").to_lock(), tmp_path / LOCK_FILE)
    channel = {"scent": {"decoder": "out", "spelling": "[S{i}]"}}

    with pytest.raises(PlanError, match=r"the lock says '<\|scent:\{i\}\|>'"):
        planned(tmp_path, lock=True, modalities=channel)


@pytest.mark.parametrize(
    ("locked", "found", "fits"),
    [
        ("0.1.2", "0.1.2", True),
        ("0.1.2", "0.1.9", True),
        ("0.1.2", "0.1.1", False),
        ("0.1.2", "0.2.0", False),
        ("1.2.0", "1.3.0", True),
        ("1.2.0", "2.0.0", False),
        ("1.2.0.dev3", "1.2.0", True),
    ],
)
def test_a_newer_compatible_plugin_stands_in(
    tmp_path: Path, locked: str, found: str, fits: bool
) -> None:
    lock = planned(tmp_path, "scent").to_lock()
    theirs, ours = (lock.model_copy(update={"plugins": {"senses": v}}) for v in (locked, found))

    told = [str(difference) for difference in differences(theirs, ours)]

    assert told == ([] if fits else [f"plugins.senses: locked '{locked}', found '{found}'"])


@pytest.mark.parametrize(
    ("locked", "found", "fits"),
    [
        ("1.0", "1.0", True),
        ("1.0", "1.1", True),
        ("1.1", "1.0", False),
        ("1.0", "2.0", False),
        ("2.0", "1.0", False),
    ],
)
def test_a_later_minor_api_reads_an_earlier_one(
    tmp_path: Path, locked: str, found: str, fits: bool
) -> None:
    lock = planned(tmp_path, "scent").to_lock()

    told = differences(*(lock.model_copy(update={"api": api}) for api in (locked, found)))

    assert [difference.path for difference in told] == ([] if fits else ["api"])


@pytest.mark.parametrize(
    ("base", "counts", "told"),
    [
        (100, {"scent": 4, "taste": 2}, []),
        (100, {"taste": 2}, []),
        (101, {"scent": 4}, ["signals.base", "signals.scent.first"]),
        (100, {"scent": 3}, ["signals.scent.count"]),
        (100, {"taste": 2, "scent": 4}, ["signals.scent.first"]),
    ],
)
def test_other_ids_of_signals_are_refused(
    tmp_path: Path, base: int, counts: dict[str, int], told: list[str]
) -> None:
    lock = planned(tmp_path, "scent").to_lock()
    spelling = lock.signals.blocks[0].spelling
    other = Signals(base=base).extended({name: (n, spelling) for name, n in counts.items()})

    found = differences(lock, lock.model_copy(update={"signals": other}))

    assert [difference.path for difference in found] == told


def test_another_tokenizer_or_weight_is_refused(tmp_path: Path) -> None:
    plan = planned(tmp_path, "scent")
    locked = plan.to_lock(tokenizer="a", weights={"lora": "b"})

    others = differences(locked, plan.to_lock(tokenizer="c", weights={"lora": "d"}))

    assert [difference.path for difference in others] == ["tokenizer", "weights.lora"]
    assert differences(locked, plan.to_lock()) == ()


NO_API = '{"api": "new", "plugins": {}, "llm": {}, "channels": {}, "signals": {"base": 9}}'


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", '{"api": 3}', NO_API])
def test_a_file_that_is_no_lock_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / LOCK_FILE).write_text(text)

    with pytest.raises(LockError):
        read_lock(tmp_path / LOCK_FILE)
    with pytest.raises(PlanError, match="lock"):
        planned(tmp_path, lock=True)


def test_a_lock_whose_blocks_leave_a_gap_is_refused(tmp_path: Path) -> None:
    lock = planned(tmp_path, "scent", "taste").to_lock()
    moved = lock.signals.blocks[1].model_copy(update={"first": 105})
    signals = Signals(base=100, blocks=(lock.signals.blocks[0], moved))
    write_lock(Lock(**{**dict(lock), "signals": signals}), tmp_path / LOCK_FILE)

    with pytest.raises(LockError, match="'taste' begin at 105, wanted 104"):
        read_lock(tmp_path / LOCK_FILE)


@given(
    steps=st.lists(
        st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 9), min_size=1), max_size=4
    )
)
def test_blocks_never_move_and_never_overlap(steps: list[dict[str, int]]) -> None:
    signals, before = Signals(base=7), {}

    for step in steps:
        signals = signals.extended({name: (count, name) for name, count in step.items()})
        now = {block.channel: block for block in signals.blocks}
        assert now | before == now
        before = now

    ids = [i for block in signals.blocks for i in range(block.first, block.first + block.count)]
    assert ids == list(range(7, 7 + signals.count))
