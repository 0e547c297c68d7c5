"""The demos that plugins ship fit their systems. Plays none: that takes minutes."""

from __future__ import annotations

from itertools import product

import pytest

from nextgpt_core.demo.script import TEXT, Talk, read_script, talks
from nextgpt_core.intake.reading import Reader
from nextgpt_registry import Catalog, load_config, make_plan
from nextgpt_registry.messages import MediaPart

CATALOG = Catalog.discover()
SHIPPED = [name for name in sorted(CATALOG.systems) if load_config(name).config.demo]


def scripted(name: str) -> tuple[Talk, ...]:
    plan = make_plan(name)
    path = plan.base / str(plan.config.demo)
    made = [channel.name for channel in plan.channels.values() if channel.decoder]
    reader = Reader.of_plan(plan, CATALOG)
    return talks(read_script(path), path.parent, reader, made, who=name)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_demo_fits_its_system(name: str) -> None:
    assert scripted(name)


def test_the_default_goes_every_way_on_files_of_its_own() -> None:
    lines = [line for talk in scripted("mini") for line in talk.lines]
    names = (TEXT, *make_plan("mini").channels)
    new = {line.direction for line in lines if not line.about}

    assert new >= {f"{given}->{made}" for given, made in product(names, names)}
    assert len(lines) >= 12


def test_the_default_has_several_media_in_and_out() -> None:
    lines = [line for talk in scripted("mini") for line in talk.lines]

    assert any(sum(isinstance(p, MediaPart) for p in line.parts) > 1 for line in lines)
    assert any(len(set(line.want)) > 1 for line in lines)
    assert any(len(line.want) > len(set(line.want)) for line in lines)
    assert any(line.about for line in lines)
