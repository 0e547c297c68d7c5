"""Read a config: YAML, then overrides, then frozen objects. Does not know whether it can be built.

A config is named by a shipped system (`mini`), a YAML file, a saved folder, a dict or a `Config`.
Overrides are dotted: `llm.dtype=bfloat16`, `modalities.depth={encoder: patch}`; `null` under
`modalities` or `weights` takes the entry out. What several parts share may stand once under
`define` and be named as `${define.it}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from nextgpt_registry.catalog import Catalog
from nextgpt_registry.config import Config, Settings
from nextgpt_registry.errors import ConfigError, PluginError
from nextgpt_registry.explain import lines
from nextgpt_registry.targets import package_file

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIG_FILE = "nextgpt.yaml"
"""What a saved folder's config is called."""

_S = TypeVar("_S", bound=Settings)
_SHORT = {"encoder": "name", "decoder": "name", "input_projection": "kind"}
_SHORT["output_projection"] = "kind"


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
    if isinstance(source, Loaded):
        if not overrides:
            return source
        return Loaded(_edited(source.config, overrides, source.origin), source.base, source.origin)
    if isinstance(source, Config):
        return Loaded(_edited(source, overrides, source.name), Path.cwd(), source.name)
    if isinstance(source, Mapping):
        origin = str(source.get("name", "config"))
        return Loaded(_build(dict(source), overrides, origin), Path.cwd(), origin)
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
    path = Path(source).expanduser()
    plain = isinstance(source, str) and re.fullmatch(r"[\w.-]+", source)
    if plain:
        shipped = (catalog or Catalog.discover()).systems
        if source in shipped:
            with _config_error(str(source)):
                return package_file(shipped[str(source)].config), str(source)
    if path.is_dir():
        inside = path / CONFIG_FILE
        if inside.is_file():
            return inside, name_from(path)
        raise ConfigError(str(source), f"the folder has no {CONFIG_FILE}", "name a saved system")
    if path.is_file():
        return path, name_from(path)
    if plain and "." not in str(source):
        with _config_error(str(source)):
            (catalog or Catalog.discover()).system(str(source))
    raise ConfigError(
        str(source), "is no file, folder or shipped system", "`nextgpt plugins list` names them"
    )


def name_from(path: Path) -> str:
    """What a system or an addition is called that does not say it, after its file or folder."""
    name = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-")
    return name if re.match("[a-z]", name) else "custom"


def _read(path: Path) -> dict[str, Any]:
    import yaml  # with omegaconf 60 ms, and a Config at hand needs neither
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        found = OmegaConf.to_container(OmegaConf.create(path.read_text("utf-8")))
    except OmegaConfBaseException as error:
        raise ConfigError(str(path), f"cannot be read: {error}", "mend the file") from error
    except (OSError, UnicodeError) as error:
        raise ConfigError(str(path), f"cannot be read: {error}", "check the file") from error
    except yaml.YAMLError as error:
        where = str(getattr(error, "problem_mark", "") or "").strip()
        problem = getattr(error, "problem", None) or str(error)
        raise ConfigError(str(path), f"is no YAML: {problem} {where}", "mend the file") from error
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
        config = OmegaConf.create(raw)
        for override in overrides:
            _apply(config, override)
        resolved = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        message = str(error).strip().partition("\n")[0]
        where = getattr(error, "full_key", "") or ""
        raise ConfigError(origin, f"{where}: {message}".lstrip(": "), "see the config") from error
    assert isinstance(resolved, dict)
    return {str(key): value for key, value in resolved.items()}


def _apply(config: Any, override: str) -> None:
    import yaml
    from omegaconf import OmegaConf

    key, equals, text = override.partition("=")
    if not equals or not key or key != key.strip():
        raise ConfigError(repr(override), "is no override", "write key.of.config=value")
    try:
        # Unresolved, so that an override may interpolate; 1e-4 is a number, as in the file.
        parsed: Any = OmegaConf.to_container(OmegaConf.from_dotlist([f"value={text}"]))
        value = parsed["value"]
    except yaml.YAMLError as error:
        raise ConfigError(repr(override), "its value is no YAML", "quote it") from error
    short = _SHORT.get(key.rpartition(".")[2])
    renamed = short is not None and isinstance(value, str) and "${" not in value
    try:
        # Options belong to the component that is replaced, so they go with it.
        OmegaConf.update(
            config, key, {short: value} if renamed else value, merge=not renamed, force_add=True
        )
    except (AssertionError, ValueError, TypeError, IndexError) as error:
        raise ConfigError(
            repr(override), f"cannot be applied: {error}", "check the key against the config"
        ) from error


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
    for key in ("modalities", "weights"):
        if isinstance(plain.get(key), dict):
            kept = {name: value for name, value in plain[key].items() if value is not None}
            plain[key] = kept
    return plain


@contextmanager
def _config_error(origin: str) -> Iterator[None]:
    try:
        yield
    except PluginError as error:
        raise ConfigError(origin, f"{error.who}: {error.what}", error.fix) from error
