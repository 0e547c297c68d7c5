"""The stages of an addition, planned: what each trains, and what is wrong with one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from nextgpt_core.training.planned import planned
from nextgpt_registry import Catalog, PlanError
from nextgpt_registry.additions import find_offer, join
from nextgpt_registry.configfile import load_config
from nextgpt_registry.plan import make_plan
from nextgpt_registry.plan.stages import StagePlan, plan_stages


def stages(base: Path, offer: str, catalog: Catalog) -> tuple[StagePlan, ...] | None:
    joined = join(load_config(base), find_offer(offer, catalog=catalog))
    return plan_stages(make_plan(joined.loaded, catalog=catalog), joined.stages)


def test_stages_say_what_they_train_and_rehearse(base: Path, catalog: Catalog) -> None:
    joined = join(load_config(base), find_offer("mark", catalog=catalog))
    plan = make_plan(joined.loaded, catalog=catalog)

    decode, encode = planned(plan, joined.stages)  # in the order of the file

    sizes = {part.name: part.parameters for part in plan.parts}
    assert (encode.name, encode.parts, encode.channels) == ("mark-encode", ("input",), ("mark",))
    assert encode.parameters == sizes["mark.input"]
    assert (encode.rehearses, encode.share) == ((), 0.0)
    assert (decode.name, decode.parts) == ("mark-decode", ("output", "signals"))
    assert decode.parameters == sizes["mark.output"] + 2 * 3 * plan.facts.width
    assert (decode.rehearses, decode.share) == (("instruct",), 0.5)
    assert (decode.steps, decode.batch) == (4, 4)


@pytest.mark.parametrize(
    ("stage", "change", "says"),
    [
        ("decode", {"run": {"stepps": 3}}, r"training\.mark-decode\.run.*stepps: is no known key"),
        ("decode", {"run": {"steps": 0}}, r"steps: .*greater than 0"),
        ("decode", {"run": {"parts": ["lora"]}}, "trains some channels alone, and `lora`"),
        ("decode", {"run": {"alignment_weights": {"smell": 2}}}, "smell: is no channel"),
        ("decode", {"run": {"parts": ["written"], "text": 0}}, "learned from the text alone"),
        ("decode", {"target": "marks_of_nobody:Asked"}, "there is no module marks_of_nobody"),
        ("decode", {"target": "nextgpt_core.testing.kit:Asked"}, r"has no 'Asked'"),
        ("listen", {}, "does not say what it trains"),
    ],
)
def test_what_is_wrong_with_a_stage_is_told_by_the_plan(
    base: Path,
    catalog: Catalog,
    mark: dict[str, Any],
    stage: str,
    change: dict[str, Any],
    says: str,
    tmp_path: Path,
) -> None:
    mark["training"][stage] = mark["training"]["decode"] | change
    (tmp_path / "site" / "marks" / "addition.yaml").write_text(yaml.safe_dump(mark))

    with pytest.raises(PlanError, match=rf"(?s){says}"):
        stages(base, "mark", catalog)


def test_rehearsal_needs_data_of_other_channels(
    base: Path, catalog: Catalog, mark: dict[str, Any], tmp_path: Path
) -> None:
    mark["training"]["decode"]["run"] = {"rehearsal": 0.5}
    (tmp_path / "site" / "marks" / "addition.yaml").write_text(yaml.safe_dump(mark))
    config = base / "nextgpt.yaml"
    told = yaml.safe_load(config.read_text())
    del told["training"]
    config.write_text(yaml.safe_dump(told))

    with pytest.raises(PlanError, match=r"is to rehearse, and .* has no data of other channels"):
        stages(base, "mark", catalog)
