"""Load one plugin and hold it to the protocol. Does not know the other plugins."""

from __future__ import annotations

import contextlib
import sys
import time
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any

import pluggy
from pydantic import ValidationError

from nextgpt_registry import hookspecs
from nextgpt_registry.alternatives import did_you_mean
from nextgpt_registry.deprecation import NextGPTDeprecationWarning, collected, warn
from nextgpt_registry.entrypoints import Installed
from nextgpt_registry.errors import PluginError
from nextgpt_registry.explain import lines
from nextgpt_registry.specs import API, Manifest
from nextgpt_registry.targets import blamed, place

HEAVY = ("torch", "numpy", "transformers", "diffusers", "peft", "torchvision", "torchaudio")
"""Modules that a declaration must not import: planning would pay for them."""

_PREFIX = "nextgpt_"
HOOKS = tuple(sorted(n for n in vars(hookspecs) if n.startswith(_PREFIX)))
"""The names of all hooks."""


@dataclass(frozen=True)
class Plugin:
    """A loaded plugin: what it declares, where it came from and what importing it cost."""

    name: str
    manifest: Manifest
    module: Any
    target: str = ""
    dist: str = ""
    version: str = "0"
    import_s: float = 0.0  # here, after whatever others imported; alone: `outside`
    heavy: tuple[str, ...] = ()  # modules of `HEAVY` that its declaration imported
    deprecated: tuple[NextGPTDeprecationWarning, ...] = ()  # old forms that its declaration uses

    @property
    def hooks(self) -> tuple[str, ...]:
        """The hooks it implements."""
        return tuple(name for name in HOOKS if hasattr(self.module, name))

    @property
    def package(self) -> str:
        """The package that its hooks are in."""
        return _package(self.module)


def import_plugin(entry: Installed) -> Plugin:
    """Import an entry point and check what it declares; what it prints goes to standard error.

    Raises:
        PluginError: it cannot be imported, or breaks the protocol.
    """
    if entry.broken:
        raise entry.broken
    before, start = set(sys.modules), time.perf_counter()
    aside = contextlib.redirect_stdout(sys.stderr)
    with aside, blamed(entry.name, entry.target), collected() as deprecated:
        module = EntryPoint(entry.name, entry.target, hookspecs.ENTRY_POINTS).load()
        seconds = time.perf_counter() - start
        heavy = tuple(m for m in HEAVY if m in sys.modules and m not in before)
        manifest = manifest_of(entry.name, module)
        _check_api_is_said(entry.name, manifest, module)
    return Plugin(
        name=entry.name,
        manifest=manifest,
        module=module,
        target=entry.target,
        dist=entry.dist,
        version=entry.version,
        import_s=seconds,
        heavy=heavy,
        deprecated=tuple(deprecated),
    )


def manifest_of(name: str, module: Any) -> Manifest:
    """What a plugin object declares, after its hooks were held against the specification.

    Raises:
        PluginError: a hook is unknown, unmarked or has other arguments; the manifest is wrong.
    """
    alone = new_manager()
    _check_names(name, module)
    try:
        alone.register(module, name)
        alone.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(name, str(error).replace("\n", " "), _see_hookspecs()) from error
    declared = _declared(name, alone, _package(module))
    _check_api(name, declared.api)
    for kind in ("encoders", "decoders", "projections"):
        keys = [(getattr(c, "side", "") or c.modality, c.name) for c in getattr(declared, kind)]
        twice = sorted({f"{m}/{n}" for m, n in keys if keys.count((m, n)) > 1})
        if twice:
            raise PluginError(name, f"declares {kind} twice: {', '.join(twice)}", "rename one")
    return declared


def new_manager() -> pluggy.PluginManager:
    """A plugin manager that knows the hooks and nobody who implements them."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def _check_names(name: str, module: Any) -> None:
    for attribute in dir(module):
        if not attribute.startswith(_PREFIX) or not callable(getattr(module, attribute)):
            continue
        if attribute not in HOOKS:
            raise PluginError(
                name, f"implements an unknown hook {attribute!r}", did_you_mean(attribute, HOOKS)
            )
        if not hasattr(getattr(module, attribute), f"{hookspecs.PROJECT}_impl"):
            raise PluginError(
                name, f"{attribute} is not marked, so it would never be called", "add @hookimpl"
            )


def _package(module: Any) -> str:
    return str(getattr(module, "__name__", type(module).__module__)).partition(".")[0]


def _declared(name: str, alone: pluggy.PluginManager, package: str) -> Manifest:
    try:
        with blamed(name, package):
            answers = alone.hook.nextgpt_manifest()
    except PluginError as error:
        cause = error.__cause__
        if isinstance(cause, ValidationError):
            what = f"its declaration is wrong{place(cause, package)}:{lines(cause, Manifest)}"
            fix = f"see nextgpt_registry/specs.py; this host speaks API {API}"
            raise PluginError(name, what, fix) from cause
        raise
    if len(answers) != 1 or not isinstance(answers[0], Manifest):
        found = repr(answers[0]) if answers else "no nextgpt_manifest hook"
        raise PluginError(name, f"wanted one Manifest, found {found}", _see_hookspecs())
    return answers[0]


def _check_api(name: str, theirs: str) -> None:
    try:
        major, minor = (int(part) for part in theirs.split("."))
    except ValueError:
        raise PluginError(name, f"API {theirs!r} is not MAJOR.MINOR", f"write {API!r}") from None
    our_major, our_minor = (int(part) for part in API.split("."))
    if major == our_major and minor <= our_minor:
        return
    newer = (major, minor) > (our_major, our_minor)
    fix = "upgrade nextgpt-registry" if newer else "upgrade the plugin"
    raise PluginError(name, f"speaks API {theirs}, this host speaks {API}", fix)


def _check_api_is_said(name: str, manifest: Manifest, module: Any) -> None:
    """An installed plugin outlives the host it was written for; for which, only it can say."""
    if "api" in manifest.model_fields_set:
        return
    silent = NextGPTDeprecationWarning(
        name,
        "a manifest that does not say its `api`",
        since="1.0",
        removed="2.0",
        instead='write Manifest(api="1.0", …), the API that the plugin was written for',
    )
    warn(silent, module.nextgpt_manifest)


def _see_hookspecs() -> str:
    return "see nextgpt_registry/hookspecs.py for the hooks and their arguments"
