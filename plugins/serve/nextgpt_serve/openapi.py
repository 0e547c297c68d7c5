"""The OpenAPI schema, with the parts of messages that the installed modalities have."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from nextgpt_serve.channels import Channels

_TEXTS = ("text", "input_text", "output_text")
_FILES = ("file", "input_file")


def describe(app: FastAPI, channels: Channels) -> None:
    """Let the application's schema say what parts there are."""
    whole = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = whole()
            schema["components"]["schemas"].update(_parts(channels))
            app.openapi_schema = _as_answered(schema)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _as_answered(schema: dict[str, Any]) -> dict[str, Any]:
    """Without what FastAPI answers to bad requests, and this server does not."""
    for name in ("HTTPValidationError", "ValidationError"):
        schema["components"]["schemas"].pop(name, None)
    for path in schema["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
    return schema


def _parts(channels: Channels) -> dict[str, Any]:
    types = {
        kind: channel.modality.summary
        for channel in channels.read
        for kind in (*channel.modality.part_types, channel.name)
    }
    parts = [_text(kind) for kind in _TEXTS]
    parts += [_medium(kind, "a file of any of these") for kind in _FILES]
    parts += [_medium(kind, summary) for kind, summary in types.items()]
    parts += [_call(channel.call_type) for channel in channels.made]
    return {"ContentPart": {"title": "ContentPart", "anyOf": parts}}


def _text(kind: str) -> dict[str, Any]:
    properties = {"type": {"const": kind}, "text": {"type": "string"}}
    return {"type": "object", "properties": properties, "required": ["type", "text"]}


def _medium(kind: str, summary: str) -> dict[str, Any]:
    held = {
        "description": f"{summary}: a data URL, an address, or an object with one or with base64",
        "anyOf": [{"type": "string"}, {"type": "object"}],
    }
    properties = {"type": {"const": kind}, kind: held}
    return {"type": "object", "properties": properties, "required": ["type"]}


def _call(kind: str) -> dict[str, Any]:
    text = {"type": ["string", "null"]}
    properties = {"type": {"const": kind}, "id": text, "result": text}
    return {"type": "object", "properties": properties, "required": ["type"]}
