"""A config moved to a device or a number type as a whole. Knows neither devices nor types."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nextgpt_registry.config import Channel
from nextgpt_registry.configfile import Loaded
from nextgpt_registry.errors import ConfigError
from nextgpt_registry.plan.weights import unknown_place


def placed(loaded: Loaded, device: Any, dtype: Any) -> Loaded:
    """The config with the language model, encoders and decoders there; None leaves it as it is.

    Raises:
        ConfigError: one is neither a known name nor torch's own.
    """
    changed = {
        name: _named(name, value)
        for name, value in (("device", device), ("dtype", dtype))
        if value is not None
    }
    if not changed:
        return loaded
    config = loaded.config
    channels = {name: _placed(channel, changed) for name, channel in config.modalities.items()}
    update = {"llm": config.llm.model_copy(update=changed), "modalities": channels}
    return replace(loaded, config=config.model_copy(update=update))


def _placed(channel: Channel, changed: dict[str, str]) -> Channel:
    sides = {"encoder": channel.encoder, "decoder": channel.decoder}
    return channel.model_copy(
        update={name: side.model_copy(update=changed) for name, side in sides.items() if side}
    )


def _named(name: str, value: Any) -> str:
    if type(value).__module__.partition(".")[0] != "torch" and not isinstance(value, str):
        raise ConfigError(name, f"is a {type(value).__name__}", f"give its name, or a torch.{name}")
    found = str(value).removeprefix("torch.")
    if problem := unknown_place(name, found):
        raise ConfigError(name, *problem)
    return found
