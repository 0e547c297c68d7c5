"""What all classes of the kit share: the plugin, what of it is tested, and samples.

Knows no test.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from nextgpt_registry.catalog import Catalog
from nextgpt_registry.errors import PluginError
from nextgpt_registry.loading import Plugin
from nextgpt_registry.media import Media
from nextgpt_registry.targets import blamed, resolve
from nextgpt_registry.testing.replacements import look, look_again, remember


class Kit:
    """Subclass a kit, name your plugin, inherit its tests.

    A test may be replaced by one marked `xfail(reason=…)` alone, with no condition: what a plugin
    does not keep is to be read in its tests. `sample` and `catalog` may be replaced, `cases` and
    the rest may not. A class is looked at when it is made and again when its tests are collected.
    """

    plugin: ClassVar[str] = ""
    """The name under which it is installed."""

    tested: ClassVar[str] = ""
    """The field of the manifest whose entries the tests are for."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse tests that replace inherited ones."""
        super().__init_subclass__(**options)
        remember(cls)
        look(cls)

    def sample(self, modality: str, seed: int) -> Media:
        """A small medium, another one for each seed; by default what the modality declares."""
        declared = self.catalog().modalities.get(modality)
        if declared is None or declared.sample is None:
            pytest.skip(f"no sample: the modality {modality!r} declares no `sample`")
        with blamed(declared.sample):
            found = resolve(declared.sample)(seed)
        assert isinstance(found, Media), f"{declared.sample} gave {found!r}, wanted a Media"
        assert found.sha256  # taken now, so that a medium changed in place is told from itself
        return found

    @classmethod
    def catalog(cls) -> Catalog:
        """All installed plugins."""
        if cls not in _DISCOVERED:
            _DISCOVERED[cls] = Catalog.discover()
        return _DISCOVERED[cls]

    @classmethod
    def loaded(cls) -> Plugin:
        """The plugin under test; skips the running test where it does not load."""
        try:
            return cls.catalog().plugin(cls.plugin)
        except PluginError:
            pytest.skip("the plugin does not load: see test_plugin_loads")

    @classmethod
    def cases(cls) -> Sequence[Any]:
        """What the manifest has of the kind that is tested."""
        try:
            manifest = cls.catalog().plugin(cls.plugin).manifest
        except PluginError:
            return ()
        return tuple(getattr(manifest, cls.tested))

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run each test once for each entry of the manifest."""
        try:
            look_again(type(self))
        except PluginError as error:
            raise pytest.Collector.CollectError(str(error)) from error
        if "spec" not in metafunc.fixturenames:
            return
        none = pytest.mark.skip(reason=f"{self.plugin} declares no {self.tested}")
        cases = [pytest.param(case, id=case.name) for case in self.cases()]
        metafunc.parametrize("spec", cases or [pytest.param(None, id="none", marks=none)])


remember(Kit)
_DISCOVERED: dict[type[Kit], Catalog] = {}
