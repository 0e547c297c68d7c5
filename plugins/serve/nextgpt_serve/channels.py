"""What the system reads and makes, from what its plugins declare. Knows no modality.

The words of the API (types of parts, MIME types, formats) are the modalities' own.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import BaseModel

from nextgpt_registry.alternatives import did_you_mean
from nextgpt_registry.errors import RequestError
from nextgpt_registry.plan import Plan
from nextgpt_registry.specs import Decoder, Modality, fixed_options
from nextgpt_registry.targets import resolve


@dataclass(frozen=True)
class Channel:
    """One way in or out."""

    name: str
    modality: Modality
    reads: bool
    decoder: Decoder | None

    @property
    def makes(self) -> bool:
        """Whether answers may hold its media."""
        return self.decoder is not None

    @cached_property
    def part_type(self) -> str:
        """What a part that holds one is called, by preference one with an address."""
        types = self.modality.part_types
        return next((t for t in types if t.endswith("_url")), types[0] if types else self.name)

    @property
    def call_type(self) -> str:
        """What an output item that holds one is called."""
        return f"{self.modality.name}_generation_call"

    def suffix(self, format: str | None = None) -> str:
        """The suffix of a format that it is written in; of the usual one by default.

        Raises:
            RequestError: it is not written so.
        """
        written = self.modality.written
        if format is None:
            return written[0]
        suffix = f".{format.removeprefix('.').lower()}"
        if suffix not in written:
            known = ", ".join(one.removeprefix(".") for one in written)
            raise RequestError(f"format {format!r}", f"{self.name} is not written so", known)
        return suffix

    def mime(self, suffix: str) -> str:
        """The MIME type of a format."""
        if suffix == self.suffix():
            return self.modality.mime[0]
        guessed = mimetypes.guess_type(f"a{suffix}")[0]
        return guessed if guessed in self.modality.mime else self.modality.mime[0]

    @cached_property
    def options(self) -> Mapping[str, Any]:
        """The JSON Schema of what a request may say to its decoder."""
        target = self.decoder.options if self.decoder else None
        if target is None:
            return {"type": "object", "properties": {}}
        model: type[BaseModel] = resolve(target)
        schema = model.model_json_schema()
        for name in fixed_options(model):
            schema.get("properties", {}).pop(name, None)
        return schema


class Channels(Mapping[str, Channel]):
    """The channels of a plan, by name."""

    def __init__(self, plan: Plan) -> None:
        self._channels = {
            name: Channel(
                name,
                channel.modality,
                channel.encoder is not None,
                channel.decoder.spec if channel.decoder else None,
            )
            for name, channel in plan.channels.items()
        }

    def __getitem__(self, name: str) -> Channel:
        return self._channels[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._channels)

    def __len__(self) -> int:
        return len(self._channels)

    @property
    def read(self) -> tuple[Channel, ...]:
        """Those that take media."""
        return tuple(channel for channel in self.values() if channel.reads)

    @property
    def made(self) -> tuple[Channel, ...]:
        """Those that make media."""
        return tuple(channel for channel in self.values() if channel.makes)

    def making(self, name: str) -> list[Channel]:
        """Those that make what is called so: a channel, or all of a modality.

        Raises:
            RequestError: there is none.
        """
        found = [one for one in self.made if one.name == name]
        found = found or [one for one in self.made if one.modality.name == name]
        if not found:
            known = {one.name for one in self.made} | {one.modality.name for one in self.made}
            raise RequestError(
                repr(name), "is nothing that this system makes", did_you_mean(name, known)
            )
        return found

    def allowed(self, modalities: Sequence[str] | None) -> list[str] | None:
        """The channels that `modalities` of a request let an answer use; None: any.

        Raises:
            RequestError: one of them is none.
        """
        if modalities is None:
            return None
        wanted = [name for name in modalities if name != "text"]
        return list(dict.fromkeys(one.name for name in wanted for one in self.making(name)))
