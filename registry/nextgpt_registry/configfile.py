"""Read a config: YAML, then overrides, then frozen objects. Does not know whether it can be built.

A config is named by a shipped system (`mini`), a YAML file, a saved folder, a dict or a `Config`.
Overrides are dotted: `llm.dtype=bfloat16`, `modalities.depth={encoder: patch}`; `null` takes an
entry out of a table: `modalities`, `weights`, `training`, `suites`, a component's `weights`. What
several parts share may stand once under `define` and be named as `${define.it}`. `extends` names
another config, which this one is merged over, as `layers` says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

from pydantic import ValidationError

from nextgpt_registry.anchors import anchored_file
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.config import Config, Settings
from nextgpt_registry.documents import check_size, read_yaml
from nextgpt_registry.errors import ConfigError, PluginError
from nextgpt_registry.explain import lines
from nextgpt_registry.hookspecs import SYSTEMS
from nextgpt_registry.layers import Layer, flattened, origin_of, with_plugins
from nextgpt_registry.overrides import apply
from nextgpt_registry.paths import local_path, shortened
from nextgpt_registry.references import check_references
from nextgpt_registry.targets import package_file

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIG_FILE = "nextgpt.yaml"
"""What a saved folder's config is called."""

_S = TypeVar("_S", bound=Settings)
_MOST_EXTENDED = 16
_TABLES = {"modalities", "weights", "training", "suites"}


@dataclass(frozen=True)
class Loaded:
    """A config, the folder its relative `file:` sources start from, and what it was read from."""

    config: Config
    base: Path
    origin: str
    layers: tuple[Layer, ...] = ()  # what was read, each extending the next one

    @property
    def extends(self) -> tuple[str, ...]:
        """The configs that it extends, the nearest first."""
        return tuple(layer.origin for layer in self.layers[1:])

    def said_by(self, path: str) -> str:
        """The file that says what is at a dotted path, where a config extends another; else ''."""
        return origin_of(self.layers, path)


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
        return replace(source, config=_edited(source.config, overrides, source.origin))
    if isinstance(source, Config):
        return Loaded(_edited(source, overrides, source.name), Path.cwd(), source.name)
    if isinstance(source, Mapping):
        origin = shortened(source.get("name", "config")).strip("'")
        return _loaded(dict(source), overrides, Path.cwd(), origin, catalog)
    named: Any = source
    if not isinstance(named, str | Path) or not str(named):
        raise ConfigError(
            "config", f"is {shortened(source)}", "give a system's name, a path, a dict or a Config"
        )
    path, name = _find(source, catalog)
    raw = {"name": name, **_read(path)}
    return _loaded(raw, overrides, path.parent.absolute(), str(source), catalog, path)


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


def _loaded(
    raw: dict[str, Any],
    overrides: Sequence[str],
    base: Path,
    origin: str,
    catalog: Catalog | None,
    path: Path | None = None,
) -> Loaded:
    layers = _layers(raw, base, origin, catalog, path)
    return Loaded(_build(flattened(layers), overrides, origin, layers), base, origin, layers)


def _layers(
    raw: dict[str, Any], base: Path, origin: str, catalog: Catalog | None, path: Path | None
) -> tuple[Layer, ...]:
    """What a config says and, in order, all that it extends, the files of these absolute."""
    layers, seen = [Layer(origin, raw)], {path and path.resolve(): origin}
    while (named := raw.pop("extends", None)) is not None:
        who = f"{layers[-1].origin}: extends"
        if not isinstance(named, str | Path) or not str(named):
            what, fix = f"is {shortened(named)}", "name one system, YAML file or saved folder"
            raise ConfigError(who, what, fix)
        try:
            path, _ = _find(named, catalog, base)
        except ConfigError as error:
            raise ConfigError(f"{who}: {error.who}", error.what, error.fix) from error
        if path.resolve() in seen:
            circle = " -> ".join([*seen.values(), str(named)])
            raise ConfigError(who, f"leads back to where it came from: {circle}", "end the chain")
        if len(seen) > _MOST_EXTENDED:
            what = f"more than {_MOST_EXTENDED} configs extend one another"
            raise ConfigError(who, what, "put what they say into fewer")
        seen[path.resolve()] = str(named)
        raw, base = anchored_file(_read(path), path.parent.absolute()), path.parent.absolute()
        layers.append(Layer(str(named) if named == str(path) else f"{named} ({path})", raw))
    return tuple(layers)


def _find(
    source: str | Path, catalog: Catalog | None, base: Path | None = None
) -> tuple[Path, str]:
    """The YAML file, and the name of the system if it has none of its own."""
    path = local_path((base or Path()) / local_path(source, who="config"), who="config")
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


def _build(
    raw: dict[str, Any], overrides: Sequence[str], origin: str, layers: Sequence[Layer] = ()
) -> Config:
    return _checked(raw, Config, overrides, origin, layers)


def _checked(
    raw: dict[str, Any],
    model: type[_S],
    overrides: Sequence[str],
    origin: str,
    layers: Sequence[Layer] = (),
) -> _S:
    plain = _without_nulls(_resolved(raw, overrides, origin))
    plain.pop("define", None)  # its values are where they were asked for by now
    if "plugins" in plain:
        plain["plugins"] = with_plugins((), plain["plugins"])
    try:
        return model.model_validate(plain)
    except ValidationError as error:
        said = lines(error, model, said_by=lambda path: origin_of(layers, path))
        raise ConfigError(origin, f"cannot be read:{said}") from error


def _resolved(raw: dict[str, Any], overrides: Sequence[str], origin: str) -> dict[str, Any]:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        check_size(raw)
        check_references(raw)
        config = OmegaConf.create(raw)
        for override in overrides:
            apply(config, override)
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
