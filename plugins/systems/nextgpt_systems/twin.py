"""The narrow twin of a system: the same config, its parts shrunken. Trains and answers nothing.

Components take the options of the twin that their plugins declare; projections and adapters keep
their kinds, depths and heads; the language model keeps its family and its number of layers. So a
twin has the names of all tensors of its system, at widths of 8 to 64, and needs no file of weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nextgpt_registry.anchors import anchored
from nextgpt_registry.aside import replacing
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.config import Config
from nextgpt_registry.configfile import CONFIG_FILE, dump_config, load_config
from nextgpt_registry.errors import ConfigError
from nextgpt_registry.plan import plugins_of
from nextgpt_registry.specs import Decoder, Encoder
from nextgpt_systems.tiny import save_tiny_llm

_LLM = "llm"
_RANK = 4
_WIDTH = {"query": 16, "grouping": 16, "groupvit": 16, "resampler": 16}
_FFN = 32


def write_twin(system: str, folder: Path, overrides: Sequence[str] = ()) -> Path:
    """Write the twin of a system to a new folder: its config and a language model; -> the config.

    Raises:
        ConfigError: the folder is in use, or a component declares no twin.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(str(folder), "is in use", "name a new folder, or remove it first")
    loaded = load_config(system, overrides)
    config = anchored(loaded.config, loaded.base)
    facts = config.llm.facts
    if facts is None or not (facts.family and facts.layers and facts.vocabulary):
        what = "is not given, or lacks family, layers or vocabulary"
        raise ConfigError(f"{system}: llm.facts", what, "say the sizes of the model")
    twin = shrink(config, plugins_of(config))
    with replacing(folder) as fresh:
        fresh.mkdir()
        save_tiny_llm(fresh / _LLM, facts, chat=config.llm.template is None)
        (fresh / CONFIG_FILE).write_bytes(dump_config(twin).encode())
    return folder / CONFIG_FILE


def shrink(config: Config, catalog: Catalog) -> Config:
    """A config with every part narrow; its language model is `file:llm`, beside it."""
    raw = config.model_dump(mode="json", exclude_defaults=True)
    for name, channel in raw["modalities"].items():
        modality = channel.get("modality", name)
        if "encoder" in channel:
            spec = catalog.encoder(modality, channel["encoder"]["name"])
            channel["encoder"] = _component(spec)
            channel["input_projection"] = _projection(channel.get("input_projection", {}))
        if "decoder" in channel:
            found = catalog.decoder(modality, channel["decoder"]["name"])
            channel["decoder"] = _component(found)
            channel["output_projection"] = _projection(channel.get("output_projection", {}))
    llm = raw["llm"]
    kept = {key: llm[key] for key in ("template", "layer") if key in llm}
    raw["llm"] = {"path": f"file:{_LLM}", **kept}
    if "lora" in llm:
        raw["llm"]["lora"] = {**llm["lora"], "r": _RANK, "alpha": _RANK}
    raw["name"] = f"{config.name}-twin"
    raw.pop("weights", None)
    return Config.model_validate(raw)


def _component(spec: Encoder | Decoder) -> dict[str, Any]:
    if not spec.twin:
        raise ConfigError(spec.name, "declares no twin", "leave its channel out of the twin")
    return {"name": spec.name, "options": dict(spec.twin)}


def _projection(settings: dict[str, Any]) -> dict[str, Any]:
    """The same kind, narrow."""
    kind = settings.get("kind", "query")
    if kind not in _WIDTH:
        return {**settings, "options": {}} if "kind" in settings else settings
    options = {**settings.get("options", {}), "width": _WIDTH[kind], "ffn": _FFN}
    return {**settings, "kind": kind, "options": options}
