"""What plugins offer to mini with trained parts fits mini as it ships, alone and together."""

from __future__ import annotations

from pathlib import Path

import pytest

from nextgpt_core import Pipeline
from nextgpt_core.training.adding import AdditionResult, add
from nextgpt_registry import Catalog, load_config, make_plan
from nextgpt_registry.additions import find_offer, join

CATALOG = Catalog.discover()
SHIPPED = [name for name in CATALOG.additions if find_offer(name, catalog=CATALOG).settings.weights]

DRAW = (
    "Draw a cat on a blue background",
    "Give me a picture with a pig in the centre, on a yellow background.",
    "Generate a picture: a drum on a white ground.",
)

pytestmark = [pytest.mark.slow, pytest.mark.network]


def added(to: str | Path, what: str | Path, out: Path) -> AdditionResult:
    """The new system; training anything would be a failure."""
    result = add(join(load_config(to), find_offer(str(what), catalog=CATALOG)), CATALOG, out=out)
    assert result.runs == ()
    assert result.unfit == ()
    return result


@pytest.mark.parametrize("name", SHIPPED)
def test_its_parts_are_taken_as_they_are(name: str, tmp_path: Path) -> None:
    out = added("mini", name, tmp_path / "one")

    with Pipeline.from_pretrained(out.folder) as pipeline:
        made = {asked: [one.channel for one in pipeline.chat(asked).media] for asked in DRAW}

    assert made == {asked: ["image"] for asked in DRAW}


def test_all_of_them_go_together(tmp_path: Path) -> None:
    system: str | Path = "mini"
    for n, name in enumerate(SHIPPED):
        alone = added("mini", name, tmp_path / name).folder
        system = added(system, alone, tmp_path / f"first-{n + 1}").folder

    assert len(make_plan(str(system)).channels) == 3 + len(SHIPPED)
