"""Every config that a plugin ships parses and plans, with no weight at hand and no network."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nextgpt_registry import Catalog, load_config, make_plan
from nextgpt_registry.additions import find_offer, join
from nextgpt_registry.targets import package_file

CATALOG = Catalog.discover()
SYSTEMS = sorted(CATALOG.systems)


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path))
    monkeypatch.setenv("NEXTGPT_OFFLINE", "1")


def test_no_installed_plugin_is_broken() -> None:
    assert not CATALOG.failures


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_shipped_system_plans(name: str) -> None:
    plan = make_plan(name)

    assert plan.system == name
    assert plan.channels


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_shipped_system_says_what_there_is_to_fetch(name: str) -> None:
    unknown = [
        p.name for p in make_plan(name).parts if p.state == "fetch" and p.fetch_bytes is None
    ]

    assert not unknown


@pytest.mark.parametrize("name", sorted(CATALOG.additions))
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_shipped_addition_plans_on_every_shipped_system(system: str, name: str) -> None:
    joined = join(load_config(system), find_offer(name))

    plan = make_plan(joined.loaded)

    assert set(joined.channels) <= set(plan.channels)
    assert joined.stages or joined.ready


def test_every_yaml_beside_a_shipped_system_is_one() -> None:
    shipped = {package_file(system.config) for system in CATALOG.systems.values()}

    beside = {path for folder in {p.parent for p in shipped} for path in folder.glob("*.y*ml")}

    assert beside == shipped


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_shipped_system_tells_editors_its_schema(name: str) -> None:
    path = package_file(CATALOG.system(name).config)

    first = path.read_text("utf-8").partition("\n")[0]

    marked = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert marked
    assert (path.parent / marked[1]).is_file()  # in a checkout, where such a file is edited


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_shipped_system_names_the_plugin_that_ships_it(name: str) -> None:
    owner = CATALOG.owner(CATALOG.system(name)).name

    plugins = [requirement.partition(">")[0] for requirement in load_config(name).config.plugins]

    assert owner in plugins
