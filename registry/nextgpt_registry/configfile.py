"""Read a config: YAML, then overrides, then frozen objects. Does not know whether it can be built.

A config is named by a shipped system (`mini`), a YAML file, a saved folder, a dict or a `Config`.
Overrides are dotted: `llm.dtype=bfloat16`, `modalities.depth={encoder: patch}`; `null` takes an
entry out of a table: `modalities`, `weights`, `training`, `suites`, a component's `weights`. What
several parts share may stand once under `define` and be named as `${define.it}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

from pydantic import ValidationError

from nextgpt_registry.catalog import Catalog
from nextgpt_registry.config import Config, Settings, Weight
from nextgpt_registry.documents import DEEPEST, check_size, read_yaml, yaml_of
from nextgpt_registry.errors import ConfigError, PluginError
from nextgpt_registry.explain import lines
from nextgpt_registry.hookspecs import SYSTEMS
from nextgpt_registry.paths import local_path, shortened
from nextgpt_registry.references import check_references
from nextgpt_registry.targets import package_file

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIG_FILE = "nextgpt.yaml"
"""What a saved folder's config is called."""

_S = TypeVar("_S", bound=Settings)
_SHORT = {"encoder": "name", "decoder": "name", "input_projection": "kind"}
_SHORT["output_projection"] = "kind"
_LONGEST_OVERRIDE = 10_000
_TABLES = {"modalities", "weights", "training", "suites"}


@dataclass(frozen=True)
class Loaded:
    """A config, the folder its relative `file:` sources start from, and what it was read from."""

    config: Config
    base: Path
    origin: str


def load_config(
    source: str | Path | Mapping[str, Any] | Config | Loaded,
    overrides: Sequence[str] = (),
    *,
    catalog: Catalog | None = None,
) -> Loaded:
    """The config that `source` names, with the overrides applied.

    A plain name is a system first and a folder second; write `./mini` for the folder.

    Raises:
        ConfigError: there is no such config, it cannot be read, or it has wrong keys or values;
            all wrong keys and values are listed, each with its path.
    """
    given: Any = overrides  # what callers hand over need not be what is annotated
    if isinstance(given, str) or not all(isinstance(one, str) for one in given):
        raise ConfigError("overrides", f"are {shortened(overrides)}", "write 'key.of.config=value'")
    if isinstance(source, Loaded):
        if not overrides:
            return source
        return Loaded(_edited(source.config, overrides, source.origin), source.base, source.origin)
    if isinstance(source, Config):
        return Loaded(_edited(source, overrides, source.name), Path.cwd(), source.name)
    if isinstance(source, Mapping):
        origin = shortened(source.get("name", "config")).strip("'")
        return Loaded(_build(dict(source), overrides, origin), Path.cwd(), origin)
    named: Any = source
    if not isinstance(named, str | Path) or not str(named):
        raise ConfigError(
            "config", f"is {shortened(source)}", "give a system's name, a path, a dict or a Config"
        )
    path, name = _find(source, catalog)
    raw = _read(path)
    raw.setdefault("name", name)
    return Loaded(_build(raw, overrides, str(source)), path.parent.absolute(), str(source))


def read_settings(path: Path, model: type[_S], *, origin: str) -> _S:
    """What a YAML file says, with `define` and interpolation as in a config.

    Raises:
        ConfigError: it cannot be read, or has wrong keys or values; all of them are listed.
    """
    return _checked(_read(path), model, (), origin)


def dump_config(config: Config) -> str:
    """The YAML that reads back as `config`; what is at its default is left out."""
    from omegaconf import OmegaConf  # 60 ms

    raw = config.model_dump(mode="json", exclude_defaults=True)
    return OmegaConf.to_yaml(OmegaConf.create(raw))


def _find(source: str | Path, catalog: Catalog | None) -> tuple[Path, str]:
    """The YAML file, and the name of the system if it has none of its own."""
    path = local_path(source, who="config")
    plain = isinstance(source, str) and re.fullmatch(r"[\w.-]+", source)
    if plain:
        with _config_error(str(source)):
            known = catalog or Catalog.naming(SYSTEMS, str(source))
            if source in known.systems:
                return package_file(known.system(str(source)).config), str(source)
    if path.is_dir():
        inside = path / CONFIG_FILE
        if inside.is_file():
            return inside, name_from(path)
        raise ConfigError(str(source), f"the folder has no {CONFIG_FILE}", "name a saved system")
    if path.is_file():
        return path, name_from(path)
    if plain and "." not in str(source):
        with _config_error(str(source)):  # which says what there is, or finds one that nobody lists
            found = (catalog or Catalog.discover()).system(str(source))
            return package_file(found.config), str(source)
    raise ConfigError(
        str(source), "is no file, folder or shipped system", "`nextgpt plugins list` names them"
    )


def name_from(path: Path) -> str:
    """What a system or an addition is called that does not say it, after its file or folder."""
    name = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-")
    return name if re.match("[a-z]", name) else "custom"


def _read(path: Path) -> dict[str, Any]:
    found = read_yaml(path, fix="mend the file")
    if not isinstance(found, dict):
        raise ConfigError(
            str(path), f"wanted keys and values, found {type(found).__name__}", "write `llm: …`"
        )
    return {str(key): value for key, value in found.items()}


def _edited(config: Config, overrides: Sequence[str], origin: str) -> Config:
    if not overrides:
        return config
    return _build(config.model_dump(mode="json", exclude_defaults=True), overrides, origin)


def _build(raw: dict[str, Any], overrides: Sequence[str], origin: str) -> Config:
    return _checked(raw, Config, overrides, origin)


def _checked(raw: dict[str, Any], model: type[_S], overrides: Sequence[str], origin: str) -> _S:
    plain = _without_nulls(_resolved(_lengthened(raw), overrides, origin))
    plain.pop("define", None)  # its values are where they were asked for by now
    try:
        return model.model_validate(plain)
    except ValidationError as error:
        raise ConfigError(origin, f"cannot be read:{lines(error, model)}") from error


def _resolved(raw: dict[str, Any], overrides: Sequence[str], origin: str) -> dict[str, Any]:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        check_size(raw)
        check_references(raw)
        config = OmegaConf.create(raw)
        for override in overrides:
            _apply(config, override)
        check_references(OmegaConf.to_container(config))
        resolved = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        message = str(error).strip().partition("\n")[0]
        where = getattr(error, "full_key", "") or ""
        raise ConfigError(origin, f"{where}: {message}".lstrip(": "), "see the config") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(origin, f"cannot be read: {error}", "see the config") from error
    assert isinstance(resolved, dict)
    return {str(key): value for key, value in resolved.items()}


def _apply(config: Any, override: str) -> None:
    from omegaconf import OmegaConf

    shown = shortened(override)
    key, equals, text = override.partition("=")
    if not equals or not key or key != key.strip() or key.count(".") > DEEPEST:
        raise ConfigError(shown, "is no override", "write key.of.config=value")
    if len(override) > _LONGEST_OVERRIDE:
        raise ConfigError(shown, f"has {len(override):,} characters", "write it into a file")
    try:
        value = yaml_of(text)  # unresolved, so that an override may interpolate
        check_references(value)
    except ValueError as error:
        raise ConfigError(shown, f"its value cannot be read: {error}", "quote it") from error
    key = _with_dots(config, key)
    short = _SHORT.get(key.rpartition(".")[2])
    renamed = short is not None and isinstance(value, str) and "${" not in value
    try:
        # Options belong to the component that is replaced, so they go with it.
        OmegaConf.update(
            config, key, {short: value} if renamed else value, merge=not renamed, force_add=True
        )
    except (AssertionError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise ConfigError(
            shown, f"cannot be applied: {error}", "check the key against the config"
        ) from error


def _with_dots(config: Any, key: str) -> str:
    """A key whose names may hold dots, as OmegaConf reads it: `weights[project.image].sha256`.

    A name that is there wins over its beginning; a new one under `weights` is all that is left.
    """
    if "[" in key or "]" in key:  # said as OmegaConf wants it
        return key
    first, *steps = key.split(".")
    said, place = first, _get(config, first)
    while steps:
        length = next((n for n in range(len(steps), 1, -1) if ".".join(steps[:n]) in place), 1)
        if first == said == "weights" and ".".join(steps[:length]) not in place:
            length = len(steps) - (steps[-1] in Weight.model_fields) or 1
        name, steps = ".".join(steps[:length]), steps[length:]
        said += f"[{name}]" if "." in name else f".{name}"
        place = _get(place, name)
    return said


def _get(place: Any, name: str) -> Mapping[str, Any]:
    """The mapping under a name, unresolved; an empty one where there is something else."""
    from omegaconf import DictConfig

    held = place._get_node(name) if isinstance(place, DictConfig) else None
    return held if isinstance(held, DictConfig) and held._is_none() is False else {}


def _lengthened(raw: dict[str, Any]) -> dict[str, Any]:
    """`encoder: clip-b` written out as `encoder: {name: clip-b}`, so that overrides reach in."""
    channels = raw.get("modalities")
    if not isinstance(channels, dict):
        return raw

    def longer(key: str, value: Any) -> Any:
        if key in _SHORT and isinstance(value, str) and "${" not in value:
            return {_SHORT[key]: value}
        return value

    longer_channels = {
        name: {k: longer(k, v) for k, v in channel.items()}
        if isinstance(channel, dict)
        else channel
        for name, channel in channels.items()
    }
    return {**raw, "modalities": longer_channels}


def _without_nulls(plain: dict[str, Any]) -> dict[str, Any]:
    """Without the entries that were taken out of a table, by `null`."""
    for key in _TABLES & plain.keys():
        plain[key] = _kept(plain[key])
    channels = plain.get("modalities")
    for channel in channels.values() if isinstance(channels, dict) else ():
        for part in (channel.get("encoder"), channel.get("decoder")) if _is(channel) else ():
            if _is(part) and "weights" in part:
                part["weights"] = _kept(part["weights"])
    return plain


def _kept(table: Any) -> Any:
    return {k: v for k, v in table.items() if v is not None} if _is(table) else table


def _is(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


@contextmanager
def _config_error(origin: str) -> Iterator[None]:
    try:
        yield
    except PluginError as error:
        raise ConfigError(origin, f"{error.who}: {error.what}", error.fix) from error
