"""Messages as chat APIs spell them: {"role", "content": text, or a list of typed parts}.

What a part holds is found by its shape: a data URL, base64 with its format, an object. What the
types of media are called is the plugins' to say (`Modality.part_types`). Fetches nothing, and opens
no file that a string names: what comes as JSON may come from anybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args

from nextgpt_core.intake.sources import data_url, is_address, is_data_url, unpacked
from nextgpt_registry.errors import MediaError, RequestError
from nextgpt_registry.media import Blob
from nextgpt_registry.messages import Role
from nextgpt_registry.paths import shortened

TEXTS: Mapping[str, str] = {
    "text": "text",
    "input_text": "text",
    "output_text": "text",
    "refusal": "refusal",
}
"""The types of text, each with the key that it stands under."""

FILES = ("file", "input_file")
"""The types that say nothing of what is inside."""

_SAME = {"developer": "system"}  # what newer models of OpenAI call it
_BYTES = ("data", "base64", "file_data", "b64_json")
_FORMATS = ("format", "media_type", "mime_type")
_CALLS = ("tool_calls", "function_call")


def role_of(given: Mapping[Any, Any], who: str) -> Role:
    """Who speaks.

    Raises:
        RequestError: nobody that can, or by calling tools.
    """
    role: Any = given["role"]
    if isinstance(role, str):
        role = _SAME.get(role, role)
    if not isinstance(role, str) or role not in get_args(Role):
        known = ", ".join((*get_args(Role), *_SAME))
        raise RequestError(who, f"has the role {shortened(role)}", f"one of {known}")
    if named := [shortened(key) for key, value in given.items() if _is_more(key, value)]:
        raise RequestError(
            who, f"has {', '.join(named)}, which is not understood here", "say it in its content"
        )
    return cast("Role", role)


def _is_more(key: Any, value: Any) -> bool:
    """Whether a key beside role and content says something: a call, or a medium kept elsewhere."""
    if isinstance(value, Mapping) and "id" in value:
        return True
    return key in _CALLS and isinstance(value, Mapping | Sequence) and len(value) > 0


def content_of(given: Mapping[Any, Any], who: str) -> Sequence[Any]:
    """The parts of a message; a lone text is one.

    Raises:
        RequestError: it has no content, or none of text and typed parts.
    """
    content = given.get("content", given.get("parts"))
    if isinstance(content, str):
        return ({"type": "text", "text": content},)
    if isinstance(content, Sequence) and not isinstance(content, bytes | bytearray | memoryview):
        return content
    raise RequestError(
        f"{who}.content",
        f"is a {type(content).__name__}",
        'give a text, or a list of {"type": …} and other parts',
    )


def type_of(part: Mapping[Any, Any]) -> str:
    """What a part says it is.

    Raises:
        RequestError: it says nothing.
    """
    kind = part.get("type")
    if not isinstance(kind, str):
        raise RequestError(
            "request",
            f"a part is a dict without a type (its keys: {shortened(list(part))})",
            'give {"type": "text", "text": …} or another type, or {"role": …, "content": …}',
        )
    return kind


def text_of(part: Mapping[Any, Any], kind: str) -> str:
    """The text of a part of one of the types in `TEXTS`.

    Raises:
        RequestError: it holds none.
    """
    text = part.get(TEXTS[kind])
    if not isinstance(text, str):
        raise RequestError(f"{kind} part", f"its {TEXTS[kind]} is a {type(text).__name__}", "a str")
    return text


def held_by(part: Mapping[Any, Any], kind: str) -> Any:
    """What a part of another type holds: a `Blob`, or an object that a plugin may adopt.

    Raises:
        RequestError: it holds nothing, or names what lies elsewhere.
        MediaError: its bytes cannot be read.
    """
    inner = part.get(kind, part.get("source", part))
    if isinstance(inner, str):
        return _of_text(inner, kind)
    if not isinstance(inner, Mapping):
        return inner
    name = inner.get("filename", part.get("filename", ""))
    for key in _BYTES:
        data = inner.get(key)
        if isinstance(data, str):
            return _of_bytes(data, inner, kind, name if isinstance(name, str) else "")
        if isinstance(data, bytes | bytearray | memoryview):
            return Blob(bytes(data))
    for key, value in inner.items():
        if isinstance(key, str) and key.lower().endswith("url") and value is not None:
            url = value.get("url") if isinstance(value, Mapping) else value
            return _of_text(url, kind) if isinstance(url, str) else url
    if (path := inner.get("path")) is not None and "array" not in inner:
        return _of_text(path, kind) if isinstance(path, str) else path
    if named := [key for key in inner if isinstance(key, str) and key.lower().endswith("_id")]:
        raise RequestError(
            f"{kind} part",
            f"names a file by its {named[0]}, and there is no store of files here",
            "give its content: a data URL, or Path(…) as a part of its own",
        )
    if inner is not part:
        return inner  # a mapping that a plugin may know: an array with its rate
    raise RequestError(f"{kind} part", "holds nothing", f'write {{"type": "{kind}", "{kind}": …}}')


def _of_text(given: str, kind: str) -> Blob:
    if is_data_url(given):
        return data_url(given)
    if is_address(given):
        what, fix = "addresses are not fetched", "download it first, and give a data URL"
    else:
        what, fix = f"{shortened(given)} is no data URL", "give data:TYPE;base64,…"
    raise RequestError(f"{kind} part", what, f"{fix}, or Path(…) as a part of its own")


def _of_bytes(data: str, inner: Mapping[Any, Any], kind: str, name: str) -> Blob:
    if is_data_url(data):
        found = data_url(data)
        return Blob(found.data, name=name, mime=found.mime)
    said = next((inner[key] for key in _FORMATS if isinstance(inner.get(key), str)), "")
    mime = said if "/" in said else ""
    try:
        content = unpacked(data.encode())
    except ValueError as error:
        what = f"is no base64: {error}"
        raise MediaError(f"{kind} part", what, "check how it was made") from error
    return Blob(content, name=name or (f"{kind}.{said}" if said and not mime else ""), mime=mime)
