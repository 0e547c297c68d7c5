"""Plugins are found by name, loaded with blame, and never hide each other."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nextgpt_registry import (
    Blob,
    Catalog,
    Encoder,
    Manifest,
    Media,
    Modality,
    PluginError,
    hookimpl,
)

Install = Callable[..., Path]

EMPTY = Manifest(summary="nothing", license="MIT")
SCENT = Modality(name="scent", summary="smells", mime=(), suffixes=(".smell",))


def declaring(body: str) -> str:
    return (
        "from nextgpt_registry import Manifest, Modality, hookimpl\n"
        f"@hookimpl\ndef nextgpt_manifest():\n    {body}\n"
    )


PLAIN = declaring("return Manifest(api='1.0', summary='plain', license='MIT')")


def test_named_plugins_are_loaded_in_that_order(install: Install) -> None:
    install("one", PLAIN)
    install("two", PLAIN)

    catalog = Catalog.discover(["two", "one"])

    assert [plugin.name for plugin in catalog.plugins] == ["two", "one"]


def test_what_is_not_named_is_not_imported(install: Install) -> None:
    install("one", PLAIN)
    install("two", "raise RuntimeError('imported')")

    Catalog.discover(["one"])

    assert "nextgpt_two.plugin" not in sys.modules


def test_a_broken_plugin_nobody_asked_for_is_listed_and_skipped(install: Install) -> None:
    install("fine", PLAIN)
    install("torn", "import a_module_that_is_not_there")

    catalog = Catalog.discover()

    assert "fine" in [plugin.name for plugin in catalog.plugins]
    assert "a_module_that_is_not_there" in str(catalog.failures["torn"])


@pytest.mark.parametrize(
    ("plugin", "said"),
    [
        ("import a_module_that_is_not_there", "a_module_that_is_not_there"),
        ("raise SystemExit(3)", "SystemExit"),
        ("1 / 0", "ZeroDivisionError"),
        ("def (", "SyntaxError"),
        ("", "no nextgpt_manifest hook"),
        (declaring("return 3"), "found 3"),
        (declaring("return Manifest(summary=1, license='MIT', colour='red')"), "colour"),
        (declaring("return Manifest(api='2.0', summary='', license='MIT')"), "speaks API 2.0"),
        (declaring("return Manifest(api='1.9', summary='', license='MIT')"), "upgrade nextgpt-reg"),
        (declaring("return Manifest(api='x', summary='', license='MIT')"), "MAJOR.MINOR"),
        (PLAIN + "@hookimpl\ndef nextgpt_read_medium(blob): ...", "nextgpt_read_media"),
        (PLAIN + "@hookimpl\ndef nextgpt_show_media(picture): ...", "picture"),
        (PLAIN + "def nextgpt_show_media(media): ...", "@hookimpl"),
    ],
)
def test_a_named_plugin_that_fails_is_an_error_with_its_name(
    install: Install, plugin: str, said: str
) -> None:
    install("odd", plugin)

    with pytest.raises(PluginError) as caught:
        Catalog.discover(["odd"])

    assert caught.value.who == "odd"
    assert said in str(caught.value)


def test_an_absent_plugin_names_those_that_are_installed(install: Install) -> None:
    install("lidar", PLAIN)

    with pytest.raises(PluginError, match="did you mean 'lidar'"):
        Catalog.discover(["lidr"])


def test_version_ranges_are_honoured(install: Install) -> None:
    install("lidar", PLAIN, version="0.2.0")

    assert Catalog.discover(["lidar>=0.1,<0.3"]).plugins[0].version == "0.2.0"
    with pytest.raises(PluginError, match=r"0\.2\.0 is installed, >=0\.3 is wanted"):
        Catalog.discover(["lidar>=0.3"])


def test_two_distributions_with_one_plugin_name_are_both_named(install: Install) -> None:
    install("lidar", PLAIN)
    install("lidar", PLAIN, dist="other-lidar")

    with pytest.raises(PluginError, match="nextgpt-lidar and other-lidar"):
        Catalog.discover(["lidar"])
    assert "lidar" in Catalog.discover().failures


def test_an_unreadable_distribution_hides_nothing(install: Install) -> None:
    install("fine", PLAIN)
    install("torn", PLAIN, points="[nextgpt.plugins]\nno equals sign here\n")

    catalog = Catalog.discover()

    assert "fine" in [plugin.name for plugin in catalog.plugins]
    assert "nextgpt-torn" in catalog.failures


def test_declared_names_are_unique_across_plugins() -> None:
    first = Manifest(summary="", license="MIT", modalities=(SCENT,))

    with pytest.raises(PluginError, match="'one' declares too: scent"):
        Catalog.of({"one": first, "two": first})


def test_one_plugin_declares_a_component_once() -> None:
    encoder = Encoder(name="nose", modality="scent", target="a:B", tokens=1, width=8)
    twice = Manifest(summary="", license="MIT", encoders=(encoder, encoder))

    with pytest.raises(PluginError, match="scent/nose"):
        Catalog.of({"one": twice})


def test_encoders_of_two_modalities_may_have_one_name() -> None:
    encoders = tuple(
        Encoder(name="huge", modality=modality, target="a:B", tokens=1, width=8)
        for modality in ("scent", "taste")
    )

    catalog = Catalog.of({"one": Manifest(summary="", license="MIT", encoders=encoders)})

    assert catalog.encoder("taste", "huge").modality == "taste"
    assert catalog.owner(encoders[0]).name == "one"


def test_look_ups_name_the_alternatives() -> None:
    catalog = Catalog.of({"one": EMPTY.model_copy(update={"modalities": (SCENT,)})})

    with pytest.raises(PluginError, match="did you mean 'scent'"):
        catalog.modality("sent")
    with pytest.raises(PluginError, match="there is none"):
        catalog.decoder("scent", "bottle")


def test_plugins_are_asked_in_their_order() -> None:
    class Reads:
        def __init__(self, answer: str) -> None:
            self.answer = answer

        @hookimpl
        def nextgpt_manifest(self) -> Manifest:
            return EMPTY

        @hookimpl
        def nextgpt_read_media(self, modality: str, blob: Blob) -> Media:
            return Media(modality, blob.data, source=self.answer)

    catalog = Catalog.of({"one": Reads("first"), "two": Reads("second")})

    read = catalog.hook.nextgpt_read_media(modality="scent", blob=Blob(b"rose"))
    each = [(name, call.name) for name, call in catalog.each("nextgpt_read_media")]

    assert read.source == "first"
    assert each == [("one", "nextgpt_read_media"), ("two", "nextgpt_read_media")]


def test_catalogues_add_up_unless_they_clash() -> None:
    scent = Manifest(summary="", license="MIT", modalities=(SCENT,))

    both = Catalog.of({"one": EMPTY}) + Catalog.of({"two": scent})

    assert [plugin.name for plugin in both.plugins] == ["one", "two"]
    with pytest.raises(PluginError, match="named twice"):
        both + Catalog.of({"two": EMPTY})


def test_what_a_declaration_imports_is_measured(install: Install) -> None:
    install("slow", "import numpy\n" + PLAIN)
    loaded = "numpy" in sys.modules

    (plugin,) = Catalog.discover(["slow"]).plugins

    assert plugin.import_s > 0
    assert loaded or plugin.heavy == ("numpy",)


def test_a_shipped_system_is_found_by_name(lidar: Path) -> None:
    system = Catalog.discover().system("seer")

    assert system.config == "nextgpt_lidar:systems/seer.yaml"
