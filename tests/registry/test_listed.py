"""A system or an addition is found by the name that its distribution lists; nothing else loads."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nextgpt_registry import Catalog, ConfigError, PluginError, load_config, plan_system
from nextgpt_registry.additions import find_offer

Install = Callable[..., Path]

BROKEN = "raise RuntimeError('imported, and nobody asked for it')"
SHIPS = """
from nextgpt_registry import Manifest, System, hookimpl
from nextgpt_registry.specs import Addition

@hookimpl
def nextgpt_manifest():
    return Manifest(
        api="1.0", summary="", license="MIT",
        systems=(System(name="dawn", summary="", config="nextgpt_ships:dawn.yaml"),),
        additions=(Addition(name="more", summary="", config="nextgpt_ships:more.yaml"),),
    )
"""
FILES = {
    "dawn.yaml": "{llm: {path: 'file:model'}, plugins: [lidar]}",
    "more.yaml": "modalities: {lidar: {encoder: patch}}",
}


@pytest.mark.usefixtures("lidar")
def test_a_plugin_that_a_config_does_not_name_is_not_imported(install: Install) -> None:
    install("torn", BROKEN)
    install("worn", BROKEN)

    plan = plan_system("seer").plan

    assert plan.plugins == {"lidar": "0.2.0"}
    assert not {"nextgpt_torn.plugin", "nextgpt_worn.plugin"} & set(sys.modules)


@pytest.mark.usefixtures("lidar")
def test_a_slow_plugin_that_a_config_does_not_name_costs_nothing(install: Install) -> None:
    install("slow", "import time; time.sleep(30)")
    start = time.perf_counter()

    plan_system("seer")

    assert time.perf_counter() - start < 30


@pytest.mark.usefixtures("lidar")
def test_an_addition_is_found_without_importing_other_plugins(install: Install) -> None:
    install("torn", BROKEN)
    points = "[nextgpt.plugins]\nships = nextgpt_ships.plugin\n"
    install(
        "ships",
        SHIPS,
        files=FILES,
        points=f"{points}[nextgpt.additions]\nmore = nextgpt_ships.plugin\n",
    )

    assert find_offer("more").settings.plugins == ("ships",)
    assert "nextgpt_torn.plugin" not in sys.modules


@pytest.mark.usefixtures("lidar")
def test_what_a_distribution_does_not_list_is_found_by_asking_every_plugin(
    install: Install,
) -> None:
    install("torn", BROKEN)
    install("ships", SHIPS, files=FILES)

    assert load_config("dawn").config.plugins == ("lidar",)
    assert find_offer("more").name == "more"


def test_a_listed_name_of_no_plugin_says_which_distribution_lists_it(install: Install) -> None:
    points = "[nextgpt.plugins]\nships = nextgpt_ships.plugin\n"
    install("ships", SHIPS, points=f"{points}[nextgpt.systems]\ndawn = nextgpt_ships.other\n")

    with pytest.raises(ConfigError, match=r"nextgpt-ships: lists 'dawn' as of 'nextgpt_ships.othe"):
        load_config("dawn")


def test_a_name_that_two_distributions_list_names_both(install: Install) -> None:
    for name in ("one", "two"):
        points = f"[nextgpt.plugins]\n{name} = nextgpt_{name}.plugin\n"
        points += f"[nextgpt.systems]\ndawn = nextgpt_{name}.plugin\n"
        install(name, SHIPS, points=points)

    with pytest.raises(ConfigError, match="nextgpt-one and nextgpt-two"):
        load_config("dawn")


@pytest.mark.usefixtures("lidar")
def test_a_broken_plugin_that_ships_the_system_is_told(lidar: Path) -> None:
    (lidar / "plugin.py").write_text(BROKEN)

    with pytest.raises(ConfigError, match="nobody asked for it"):
        load_config("seer")
    with pytest.raises(PluginError, match="nobody asked for it"):
        Catalog.naming("nextgpt.systems", "seer")
