"""The kit for a plugin as a whole: its declaration is light, pure, licensed and can be kept."""

from __future__ import annotations

import sys
from functools import cache
from importlib.metadata import requires
from typing import ClassVar

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from nextgpt_registry.entrypoints import installed
from nextgpt_registry.errors import PluginError
from nextgpt_registry.fetch.installed import installed_path
from nextgpt_registry.fetch.syntax import Source
from nextgpt_registry.hookspecs import ADDITIONS, SYSTEMS
from nextgpt_registry.loading import HEAVY, manifest_of
from nextgpt_registry.outside import IMPORT_S, Outside, outside, quickest
from nextgpt_registry.specs import Decoder, Encoder, Manifest
from nextgpt_registry.targets import missing, package_file, resolve
from nextgpt_registry.testing.kit import Kit
from nextgpt_registry.testing.verdict import attempt, expect, refuse


class PluginTests(Kit):
    """The plugin as a whole."""

    tested: ClassVar[str] = ""

    def test_plugin_loads(self) -> None:
        """Its entry point is imported; hooks, manifest and API level keep the protocol."""
        try:
            self.catalog().plugin(self.plugin)
        except PluginError as error:
            refuse(
                self.plugin,
                found=f"it does not load: {error}",
                wanted="a plugin that `nextgpt plugins list` lists",
                cause="an entry point that names another module, a misspelt hook or field, a newer "
                "API, or a name that another plugin has",
            )

    def test_declaration_imports_nothing_heavy(self) -> None:
        """No torch and the like, in a process of its own; options models included."""
        heavy = self._outside().heavy
        expect(
            not heavy,
            self.plugin,
            found=f"its declaration imports {', '.join(heavy)}",
            wanted="a declaration and options models without " + ", ".join(HEAVY),
            cause="an import at the top of the module that the entry point names, or of one "
            "that it imports: name targets as strings, import in the functions that need it",
        )

    def test_declaration_imports_quickly(self) -> None:
        """Within `IMPORT_S`."""
        told = quickest(self.plugin, self._outside())
        expect(
            told <= IMPORT_S,
            self.plugin,
            found=f"importing its declaration takes {told:.2f} s",
            wanted=f"at most {IMPORT_S} s beyond the registry",
            cause="work at import: files read, tables computed, a slow package imported",
        )

    def test_manifest_is_pure(self) -> None:
        """The same at every call and in every process, and the same after a trip through JSON."""
        plugin = self.loaded()
        first, again = plugin.manifest, manifest_of(plugin.name, plugin.module)
        told = first.model_dump_json()
        cause = "a manifest that depends on time, chance, the environment or what is installed"
        expect(
            again == first,
            self.plugin,
            found="another manifest at the second call",
            wanted="the same value at every call",
            cause=cause,
        )
        expect(
            self._outside().manifest == told,
            self.plugin,
            found="another manifest in another process",
            wanted="the same value everywhere",
            cause=cause,
        )
        expect(
            Manifest.model_validate_json(told) == first,
            self.plugin,
            found="another manifest after a trip through JSON",
            wanted="values that JSON can hold",
            cause="tuples, sets or objects in `twin`: write lists, numbers and strings",
        )

    def test_targets_can_be_imported(self) -> None:
        """Targets of components and samples exist; files of systems and additions are shipped."""
        manifest = self.loaded().manifest
        components = (*manifest.encoders, *manifest.decoders)
        targets = [(c.name, c.target) for c in components if not missing(c.requires)]
        targets += [(m.name, m.sample) for m in manifest.modalities if m.sample]
        targets += [(p.name, p.target) for p in manifest.projections]
        for name, target in targets:
            with attempt(
                f"{self.plugin}/{name}",
                f"{target!r} to be importable",
                "a misspelt target, a module left out of the wheel, or a package missing from "
                "`requires` and from the dependencies",
            ):
                expect(
                    callable(resolve(target)),
                    f"{self.plugin}/{name}",
                    found=f"{target} is no class or function",
                    wanted="something that can be called",
                    cause="a target that names a module's constant",
                )
        shipped = [(one.name, one.config) for one in manifest.systems]
        shipped += [(one.name, one.config) for one in manifest.additions]
        for name, config in shipped:
            with attempt(
                f"{self.plugin}/{name}",
                f"{config!r} to be shipped",
                "a file left out of the wheel: see [tool.hatch.build]",
            ):
                package_file(config)
        for component in _components(manifest):
            for name, weight in component.sources.items():
                told = [weight.source] if isinstance(weight.source, str) else weight.source
                with attempt(
                    f"{self.plugin}/{component.name}",
                    f"the source of {name!r} to be one, and shipped if it is a `package:`",
                    "a misspelt path, or a file left out of the wheel: see [tool.hatch.build]",
                ):
                    for source in map(Source.parse, told):
                        if source.kind == "package":
                            installed_path(source.name, source.path)

    def test_systems_and_additions_are_listed(self) -> None:
        """Each is an entry point too, and no other is: so it is found without importing plugins."""
        plugin = self.loaded()
        for group, kind in ((SYSTEMS, "systems"), (ADDITIONS, "additions")):
            declared = {one.name for one in getattr(plugin.manifest, kind)}
            listed = {
                entry.name
                for entry in installed(group)
                if (entry.dist, entry.target) == (plugin.dist, plugin.target)
            }
            wrong = sorted(declared ^ listed)
            expect(
                not wrong or not plugin.dist,
                f"{self.plugin}/{', '.join(wrong)}",
                found=f"its distribution lists {', '.join(sorted(listed)) or 'none'} "
                f"under {group!r}",
                wanted=f"the {kind} that it declares: {', '.join(sorted(declared)) or 'none'}",
                cause=f'[project.entry-points."{group}"] in pyproject.toml lacks a line '
                f'`name = "{plugin.target}"`, or has one too many; or it was not installed again',
            )

    def test_modalities_of_components_exist(self) -> None:
        """Each is declared here or by another installed plugin."""
        known = self.catalog().modalities
        for component in _components(self.loaded().manifest):
            names = [component.modality, *getattr(component, "takes", ())]
            absent = [name for name in names if name not in known]
            expect(
                not absent,
                f"{self.plugin}/{component.name}",
                found=f"it is for {', '.join(absent)}, which no installed plugin declares",
                wanted=f"one of {', '.join(known)}",
                cause="a misspelt modality, or a dependency that is not installed",
            )

    def test_licences_are_named(self) -> None:
        """The code's, and that of the weights of each component that has any."""
        manifest = self.loaded().manifest
        told = {"license of the manifest": manifest.license}
        for component in _components(manifest):
            if component.weights or component.licence:
                told[f"licence of {component.name}"] = component.licence
        for what, licence in told.items():
            try:
                canonicalize_license_expression(licence)
            except InvalidLicenseExpression as error:
                refuse(
                    self.plugin,
                    found=f"{what}: {licence!r} ({error})",
                    wanted="an SPDX expression, such as 'Apache-2.0', 'CC-BY-NC-4.0' or "
                    "'LicenseRef-Name-Of-It'",
                    cause="a licence in words, left empty, or not on SPDX's list: see "
                    "https://spdx.org/licenses",
                )

    def test_distribution_requires_the_registry(self) -> None:
        """And neither the core, which a plugin does not know, nor every future protocol."""
        dist = self.loaded().dist
        needed = [Requirement(line) for line in requires(dist) or ()]
        needed = [one for one in needed if one.marker is None]  # not those of extras
        ours = [one for one in needed if canonicalize_name(one.name) == "nextgpt-registry"]
        expect(
            any(
                limit.operator in ("<", "<=", "==", "~=") for one in ours for limit in one.specifier
            ),
            dist,
            found=f"dependencies {', '.join(map(str, needed)) or 'none'}",
            wanted="'nextgpt-registry>=0.1,<0.2'",
            cause="a dependency left out of pyproject.toml, or without an upper bound: the next "
            "major protocol would load this plugin and break",
        )

    def _outside(self) -> Outside:
        self.loaded()
        return _outside(self.plugin, tuple(sys.path))


@cache
def _outside(plugin: str, path: tuple[str, ...]) -> Outside:
    """Asked once for all tests, unless `sys.path` is another one."""
    try:
        return outside(plugin)
    except PluginError as error:
        refuse(
            plugin,
            found=error.what,
            wanted="a declaration that a fresh process can import",
            cause="something that only your tests import or set up",
        )


def _components(manifest: Manifest) -> tuple[Encoder | Decoder, ...]:
    return (*manifest.encoders, *manifest.decoders)
