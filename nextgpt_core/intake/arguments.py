"""What callers hand to the public methods, as our types or refused. Knows no system.

The one door for Python: behind it a turn is a `Message`, a count is an `int`, and
no text holds half a character.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from numbers import Integral, Real
from typing import Any, TypedDict, get_args

from pydantic import ValidationError

from nextgpt_core.answer import Cancel
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.config import Config, Generation
from nextgpt_registry.errors import ConfigError, NextGPTError, RequestError
from nextgpt_registry.explain import lines, sections
from nextgpt_registry.media import Media
from nextgpt_registry.messages import MediaPart, Message, Part, Role
from nextgpt_registry.paths import shortened
from nextgpt_registry.text import check_text

MOST_PARTS = 10_000
"""Of a turn, and turns of a conversation: an endless iterator is refused and not exhausted."""

_ROLES = get_args(Role)


def listed(given: object, who: str, fix: str) -> list[Any]:
    """The items of what has an order and an end: a list, a tuple, what a generator yields.

    Raises:
        RequestError: it is something else, or has too many.
    """
    if isinstance(given, str | bytes | bytearray | memoryview | Mapping | set | frozenset) or (
        hasattr(given, "tobytes") or not isinstance(given, Iterable)
    ):
        raise RequestError(who, f"is {shortened(given)}, a {type(given).__name__}", fix)
    found = list(islice(given, MOST_PARTS + 1))
    if len(found) > MOST_PARTS:
        raise RequestError(who, f"has more than {MOST_PARTS:,} items", "split it")
    return found


def text(given: str, who: str = "text") -> str:
    """The text, if it is whole.

    Raises:
        RequestError: it holds half a character (a lone surrogate), which nothing can encode.
    """
    check_text(given, who)
    return given


def message(
    given: object, who: str, fix: str, *, read: Callable[[Any], Part] | None = None
) -> Message:
    """A turn that was said before; `read` makes a part of what is neither text nor a `MediaPart`.

    Raises:
        RequestError: it is no turn of texts and media.
    """
    if not isinstance(given, Message):
        raise RequestError(who, f"is a {type(given).__name__}", fix)
    if given.role not in _ROLES:
        raise RequestError(who, f"has the role {shortened(given.role)}", f"one of {_ROLES}")
    parts = listed(given.parts, f"{who}.parts", fix)
    return Message(
        given.role, tuple(_part(part, f"{who}.parts[{n}]", read) for n, part in enumerate(parts))
    )


def _part(given: object, who: str, read: Callable[[Any], Part] | None) -> Part:
    match given:
        case str():
            return text(given, who)
        case MediaPart(str(), Media() | None, str()):
            return given
        case MediaPart():
            raise RequestError(who, f"holds {shortened(given)}", "MediaPart(CHANNEL, Media)")
        case _ if read is not None:
            return read(given)
    raise RequestError(
        who, f"is a {type(given).__name__}", "give text or a MediaPart; `Pipeline.read` makes one"
    )


def plain(value: Any) -> Any:
    """A number of NumPy or its like as Python's own; a list as a tuple; anything else as it is."""
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, bool | int | float | str):
        return value
    if type(value).__module__ == "numpy" and value.shape == () and value.dtype.kind == "b":
        return bool(value)
    if isinstance(value, Integral):
        return operator.index(value)
    return float(value) if isinstance(value, Real) else value


def counts(given: object) -> dict[str, int]:
    """`require`: how many media of each channel.

    Raises:
        RequestError: it is something else.
    """
    fix = "write require={'NAME': COUNT}, COUNT a whole number from 0"
    found = {name: plain(count) for name, count in _named(given, "require", fix).items()}
    for name, count in found.items():
        if type(count) is not int or count < 0:
            raise RequestError(f"require: {name}", f"is {shortened(count)}", fix)
    return found


def decoder_options(given: object) -> dict[str, dict[str, Any]]:
    """`decoder_options`: values by the name of an option, by channel.

    Raises:
        RequestError: it is something else.
    """
    who, fix = "decoder_options", "write decoder_options={'NAME': {'OPTION': VALUE}}"
    by_channel = _named(given, who, fix)
    return {
        channel: {
            name: plain(value) for name, value in _named(own, f"{who}: {channel}", fix).items()
        }
        for channel, own in by_channel.items()
    }


def channels(given: object) -> tuple[str, ...] | None:
    """`channels`: the names of those that media may be of; None for any.

    Raises:
        RequestError: it is something else.
    """
    if given is None:
        return None
    fix = "write channels=['NAME', …]"
    found = listed(given, "channels", fix)
    if wrong := [one for one in found if not isinstance(one, str)]:
        raise RequestError("channels", f"holds {shortened(wrong[0])}", fix)
    return tuple(found)


def cancel(given: object) -> Cancel | None:
    """The switch of a request.

    Raises:
        RequestError: it is none.
    """
    if given is not None and not isinstance(given, Cancel):
        raise RequestError("cancel", f"is a {type(given).__name__}", "give a nextgpt_core.Cancel")
    return given


def asked(messages: Sequence[Message]) -> None:
    """Hold a conversation to what can be answered.

    Raises:
        RequestError: there is no message, or the last one is of a user who says nothing.
    """
    if not messages:
        raise RequestError("messages", "are none", "give at least a user's turn")
    last = messages[-1]
    if last.role == "user" and all(isinstance(p, str) and not p.strip() for p in last.parts):
        raise RequestError("request", "says nothing", "give a text, or a medium")


def batch(at_once: object, progress: object) -> None:
    """How a batch is asked.

    Raises:
        RequestError: it is something else.
    """
    if type(at_once) is not int or at_once < 1:
        raise RequestError("at_once", f"is {shortened(at_once)}", "give a whole number from 1")
    listener(progress, error=RequestError)


def listener(given: object, *, error: type[NextGPTError] = ConfigError) -> None:
    """Who is told of progress; nobody, if it is None.

    Raises:
        NextGPTError: it cannot be called; an `error` of this kind.
    """
    if given is not None and not callable(given):
        raise error("progress", f"is a {type(given).__name__}", "give a function")


def callers(catalog: object, progress: object, settings: Mapping[str, object]) -> None:
    """What goes along with the name of a config; its `settings` are overrides, and none of these.

    Raises:
        ConfigError: it is something else.
    """
    if catalog is not None and not isinstance(catalog, Catalog):
        raise ConfigError("catalog", f"is a {type(catalog).__name__}", "give a Catalog, or none")
    listener(progress)
    for name, value in settings.items():
        place = (
            name if name in Config.model_fields else next(sections(Config, name), "KEY.OF.CONFIG")
        )
        what = f"{name}={shortened(value)} is no argument of this method"
        raise ConfigError("settings", what, f"write it after the system: '{place}={value}'")


def answered(given: object, messages: Sequence[Message], ids: int) -> dict[int, tuple[int, ...]]:
    """`answered`: the ids below `ids` that assistant turns were written with, by their index.

    Raises:
        RequestError: it is something else.
    """
    fix = "write answered={INDEX: ids}, the ids being an answer's own"
    if not isinstance(given, Mapping):
        raise RequestError("answered", f"is a {type(given).__name__}", fix)
    found = {}
    for index, own in given.items():
        written = tuple(map(plain, listed(own, f"answered: {shortened(index)}", fix)))
        if type(index) is not int or not 0 <= index < len(messages):
            raise RequestError("answered", f"names the turn {shortened(index)}", fix)
        if messages[index].role != "assistant" or any(
            type(one) is not int or not 0 <= one < ids for one in written
        ):
            raise RequestError(f"answered: {index}", "are no ids of an assistant's turn", fix)
        found[index] = written
    return found


def _named(given: object, who: str, fix: str) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise RequestError(who, f"is {shortened(given)}, a {type(given).__name__}", fix)
    for name in given:
        if not isinstance(name, str):
            raise RequestError(who, f"has the name {shortened(name)}", fix)
    return given


class Options(TypedDict, total=False):
    """Keyword arguments of `chat` and its kin; what is left out is as in the config."""

    max_tokens: int
    temperature: float  # 0 is greedy
    top_k: int | None  # none or 0: no limit
    top_p: float
    stop: Sequence[str]
    max_media: int
    seed: int
    deterministic: bool
    require: Mapping[str, int]  # channel -> how many media at least
    decoder_options: Mapping[str, Mapping[str, Any]]  # channel -> its decoder's options
    channels: Sequence[str] | None  # those that media may be of; none: any
    cancel: Cancel | None


def generation(defaults: Generation, options: Options) -> Generation:
    """The config's generation settings with the request's own values in them.

    Raises:
        RequestError: an option is unknown or out of range.
    """
    own = {key: plain(value) for key, value in options.items() if key in Generation.model_fields}
    unknown = sorted(set(options) - set(own) - Options.__annotations__.keys())
    if unknown:
        known = ", ".join(sorted(Options.__annotations__))
        raise RequestError("options", f"unknown: {', '.join(unknown)}", f"known: {known}")
    if isinstance(own.get("stop"), str):
        own["stop"] = (own["stop"],)
    for name, value in own.items():
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, str):
                text(one, "stop")
            elif isinstance(one, float) and not math.isfinite(one):
                raise RequestError("options", f"{name}: is {one}", "give a finite number")
    try:  # strictly: True is no count, and "5" no number
        return Generation.model_validate({**defaults.model_dump(), **own}, strict=True)
    except ValidationError as error:
        raise RequestError("options", f"are wrong:{lines(error, Generation)}") from error
