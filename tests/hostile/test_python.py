"""What callers may hand to the public classes by mistake: an answer, or one of our errors."""

from __future__ import annotations

import asyncio
import inspect
import io
import itertools
import math
import re
import types
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextgpt_core import (
    Answer,
    Builder,
    Cancel,
    Conversation,
    Pipeline,
    add_channels,
    evaluate,
    train,
)
from nextgpt_core.testing import SystemKit, ToyPlugin, glyph
from nextgpt_registry import Catalog, ConfigError, NextGPTError, RequestError
from nextgpt_registry.media import Media
from nextgpt_registry.messages import MediaPart, Message

pytestmark = pytest.mark.timeout(300)
CLEAN = (NextGPTError, TypeError)
TASKS = (train, add_channels, evaluate)
CATALOG = Catalog.of({"toy": ToyPlugin()})


class Odd:
    """Whose repr fails."""

    def __repr__(self) -> str:
        raise ValueError("no repr")


def _closed() -> io.BytesIO:
    file = io.BufferedReader(io.BytesIO(b"x"))
    file.close()
    return file


SELF: list[Any] = []
SELF.append(SELF)

# --- parts ----------------------------------------------------------------------------------------

REFUSED_PARTS: dict[str, Any] = {
    "none": None,
    "int": 5,
    "float": 1.5,
    "nan": math.nan,
    "bool": True,
    "bytes": b"hello",
    "bytearray": bytearray(b"hello"),
    "empty dict": {},
    "set": {"hello"},
    "object": object(),
    "odd object": Odd(),
    "class": str,
    "function": len,
    "ellipsis": ...,
    "array": np.zeros((8, 8), np.uint8),
    "lone pair": ("glyph", b"GLYPH" + bytes(64)),
    "lone pair of strings": ("glyph", "one.glyph"),
    "triple": [("glyph", b"x", 3)],
    "nested list": [["a", "b"]],
    "nested texts": [["hello"]],
    "list that holds itself": SELF,
    "none inside": ["hello", None],
    "number inside": ["hello", 5],
    "dict of no type": {"text": "hello"},
    "dict of an odd type": {"type": 5},
    "dict of an unknown type": {"type": "\ud800"},
    "dict of a text that is none": [{"type": "text", "text": b"hello"}],
    "dict of half a character": [{"type": "text", "text": "a\ud800"}],
    "dict of an address": [{"type": "glyph_url", "glyph_url": {"url": "http://localhost/a"}}],
    "dict of a file's address": [{"type": "glyph_url", "glyph_url": "file:///etc/passwd"}],
    "dict of a path": [{"type": "glyph", "path": "/etc/passwd"}],
    "dict of a file id": [{"type": "file", "file": {"file_id": "file-1"}}],
    "dict of broken base64": [{"type": "input_glyph", "data": "\ud800", "format": "glyph"}],
    "dict that holds itself": [{"type": "glyph", "glyph": SELF}],
    "message of a tool": {"role": "tool", "content": "4"},
    "message of nobody": {"role": None, "content": "4"},
    "message of nothing": {"role": "user", "content": None},
    "message of a lone part": {"role": "user", "content": {"type": "text", "text": "a"}},
    "message of endless parts": {"role": "user", "content": itertools.repeat("a")},
    "messages that end with an answer": [{"role": "assistant", "content": "a"}],
    "messages and parts": [{"role": "user", "content": "a"}, "b"],
    "tuple of texts": ("a", "b"),
    "tuple of one": ("a",),
    "data URL of nobody": "data:application/pdf;base64,JVBERi0xLjQ=",
    "broken data URL": "data:application/x-glyph;base64,!",
    "bytes inside": [b"hello"],
    "array inside": [np.zeros(3)],
    "empty tuple inside": [()],
    "pair with a number for a name": [(5, b"x")],
    "pair with nothing": [("glyph", None)],
    "pair with a number": [("glyph", 5)],
    "pair with a list": [("glyph", [1, 2])],
    "pair with an unknown name": [("photo", b"x")],
    "pair with an empty name": [("", b"x")],
    "half a character": "a\ud800b",
    "half a character inside": ["a", "\udcff"],
    "endless": itertools.repeat("a"),
    "endless numbers": itertools.count(),
    "iterator of numbers": iter([1, 2]),
    "media without data": MediaPart("glyph"),
    "media of no channel": MediaPart("photo", glyph()),
    "media that are bytes": MediaPart("glyph", b"x"),  # type: ignore[arg-type]
    "turn of the assistant": Message("assistant", ("hello",)),
    "turn of no role": Message("robot", ("hello",)),  # type: ignore[arg-type]
    "answer": Answer((), 0),
    "exception": ValueError("x"),
    "path not there": Path("nowhere.glyph"),
    "path too long": Path("a" * 5000 + ".glyph"),
    "path with a long name": [Path("b" * 300 + ".glyph")],
    "path with NUL": Path("a\0.glyph"),
    "path of nobody": Path("~nobody-has-this-name/a.glyph"),
    "path of half a character": Path("\ud800.glyph"),
    "folder": Path("/"),
    "empty path": Path(""),
    "empty list": [],
    "empty text": "",
    "blank text": " \n\t",
    "blank texts": ["", " "],
    "iterator of nothing": iter([]),
    "turn of nothing": Message("user", ()),
    "turn of an API, of nothing": {"role": "user", "content": ""},
    "open text": io.StringIO("hello"),
    "closed file": _closed(),
}


@pytest.mark.parametrize("parts", REFUSED_PARTS.values(), ids=REFUSED_PARTS)
def test_what_is_no_turn_is_refused(expect: Any, pipeline: Pipeline, parts: Any) -> None:
    expect.refusal(lambda: pipeline.chat(parts))


ANSWERED_PARTS: dict[str, Callable[[Path], Any]] = {
    "str subclass": lambda _: np.str_("hello"),
    "NUL": lambda _: "a\0b",
    "emoji and right-to-left": lambda _: "\U0001f600 \u05d0\u200f",
    "list of texts": lambda _: ["a", "b"],
    "generator": lambda _: (text for text in ("a", "b")),
    "open file": lambda path: io.BufferedReader(io.BytesIO(path.read_bytes())),
    "turn that holds a path": lambda path: Message("user", ("a", path)),
    "turns that hold arrays": lambda _: [Message("user", (("glyph", glyph().data),))],
    "deque of one": lambda _: iter(["a"]),
    "path": lambda path: path,
    "path inside": lambda path: ["a", path],
    "media": lambda _: glyph(),
    "part": lambda _: MediaPart("glyph", glyph()),
    "pair inside": lambda path: [("glyph", path)],
    "turn": lambda _: Message("user", ("hello",)),
    "turn of an API": lambda _: {"role": "user", "content": "hello"},
    "turns of an API": lambda _: [{"role": "system", "content": "a"}, Message("user", ("b",))],
    "dict inside, as chat APIs have it": lambda _: [{"type": "text", "text": "hello"}],
    "bytes": lambda path: path.read_bytes(),
    "path of another class": lambda path: PurePath(path),
    "text that is no data URL": lambda _: "data: 5, 6 and 7",
    "control tokens spelled": lambda _: "<|im_end|> <glyph> [IMG0]",
}


@pytest.mark.parametrize("parts", ANSWERED_PARTS.values(), ids=ANSWERED_PARTS)
def test_what_is_a_turn_is_answered(
    expect: Any, pipeline: Pipeline, tmp_path: Path, parts: Callable[[Path], Any]
) -> None:
    path = pipeline.write(glyph(), tmp_path / "one")

    expect.answer(lambda: pipeline.chat(parts(path)), lambda answer: answer.ids is not None)


# --- histories ------------------------------------------------------------------------------------

REFUSED_HISTORIES: dict[str, Any] = {
    "none": None,
    "int": 1,
    "text": "hello",
    "bytes": b"x",
    "dict": {},
    "one turn alone": Message("user", ("a",)),
    "dicts of no role": [{"content": "a"}],
    "dicts of a tool": [{"role": "tool", "content": "a"}],
    "strings": ["a", "b"],
    "pairs": [("user", "a")],
    "none inside": [None],
    "unknown role": [Message("robot", ("a",))],  # type: ignore[arg-type]
    "role of no text": [Message(3, ("a",))],  # type: ignore[arg-type]
    "role that cannot be hashed": [Message([], ("a",))],  # type: ignore[arg-type]
    "parts that are text": [Message("user", "abc")],  # type: ignore[arg-type]
    "parts that are none": [Message("user", None)],  # type: ignore[arg-type]
    "parts with a number": [Message("user", (5,))],  # type: ignore[arg-type]
    "parts with a path": [Message("user", (Path("a"),))],  # type: ignore[arg-type]
    "half a character": [Message("user", ("\udc00",))],
    "half a character of the assistant's": [
        Message("user", ("a",)),
        Message("assistant", ("\ud800",)),
    ],
    "medium of no channel": [Message("user", (MediaPart("photo", glyph()),))],
    "medium that is none": [Message("user", (MediaPart("glyph"),))],
    "medium of the assistant's, of no channel": [
        Message("user", ("a",)),
        Message("assistant", (MediaPart("photo"),)),
    ],
    "medium that is a number": [Message("user", (MediaPart("glyph", 5),))],  # type: ignore[arg-type]
    "channel that is a number": [Message("user", (MediaPart(5, glyph()),))],  # type: ignore[arg-type]
    "endless": itertools.repeat(Message("user", ("a",))),
}


@pytest.mark.parametrize("history", REFUSED_HISTORIES.values(), ids=REFUSED_HISTORIES)
def test_what_is_no_history_is_refused(expect: Any, pipeline: Pipeline, history: Any) -> None:
    expect.refusal(lambda: pipeline.chat("hello", history=history))
    expect.refusal(lambda: pipeline.conversation(history=history).say("hello"))
    expect.refusal(lambda: asyncio.run(pipeline.achat("hello", history=history)))


@pytest.mark.parametrize(
    "history",
    [
        [],
        (),
        [Message("system", ())],
        [Message("assistant", ["a"])],
        [{"role": "user", "content": "a"}, {"role": "assistant", "content": []}],
    ],
)
def test_an_odd_history_is_answered(expect: Any, pipeline: Pipeline, history: Any) -> None:
    expect.answer(lambda: pipeline.chat("hello", history=history))


# --- options --------------------------------------------------------------------------------------

HUGE = 10**30
REFUSED_OPTIONS: list[dict[str, Any]] = [
    *({"max_tokens": value} for value in (0, -1, True, 1.5, "5", None, math.nan, [], HUGE * 1.0)),
    *({"temperature": value} for value in (-1, math.nan, math.inf, "1", None, True, [], {})),
    *({"top_p": value} for value in (0, -0.1, 1.1, math.nan, "1", None, True)),
    *({"max_media": value} for value in (-1, True, 1.5, "3", None)),
    *({"seed": value} for value in (1.5, True, "7", None, math.inf, [])),
    *({"deterministic": value} for value in (1, "yes", None)),
    *({"stop": value} for value in (5, None, b"x", [5], [None], {"a": 1}, {"a"}, ["\ud800"])),
    *({"require": value} for value in (None, "glyph", ["glyph"], 5, {5: 1}, {"photo": 1})),
    *({"require": {"glyph": value}} for value in (-1, True, 1.5, "1", None, math.nan, [])),
    *({"decoder_options": value} for value in (None, "x", 5, [], {5: {}}, {"glyph": None})),
    *({"decoder_options": {"glyph": value}} for value in (5, "x", [], {5: 1}, {"nothing": 1})),
    *({"decoder_options": {"glyph": {"steps": value}}} for value in (0, -1, 1.5, "x", None, [])),
    *({"decoder_options": {"glyph": {"steps": value}}} for value in (math.nan, math.inf)),
    {"decoder_options": {"photo": {}}},
    *({"cancel": value} for value in (5, "x", False, object(), Cancel, {})),
    {"temprature": 1},
    {"nothing": None},
    {"\ud800": 1},
]


def same_in_each_process(options: object) -> str:
    """The name of a case: where an object lies says nothing."""
    return re.sub(r" at 0x\w+", "", ascii(options))


@pytest.mark.parametrize("options", REFUSED_OPTIONS, ids=same_in_each_process)
def test_what_is_no_option_is_refused(
    expect: Any, pipeline: Pipeline, options: dict[str, Any]
) -> None:
    expect.refusal(lambda: pipeline.chat("hello", **options), error=RequestError)
    expect.refusal(lambda: asyncio.run(pipeline.achat("hello", **options)), error=RequestError)


ANSWERED_OPTIONS: list[dict[str, Any]] = [
    {"max_tokens": np.int64(2)},
    {"temperature": np.float32(0.5)},
    {"temperature": 1},
    {"top_p": np.float64(0.5), "temperature": 1.0},
    {"seed": -1},
    {"seed": HUGE, "temperature": 1.0},
    {"seed": np.uint64(2**64 - 1), "temperature": 1.0},
    {"deterministic": np.bool_(True)},
    {"stop": "x"},
    {"stop": []},
    {"stop": ["", "x" * 10_000]},
    {"max_media": 0},
    {"require": {}},
    {"require": {"glyph": 0}},
    {"require": {"glyph": np.int32(1)}},
    {"require": types.MappingProxyType({"glyph": 1})},
    {"decoder_options": {"glyph": {}}},
    {"decoder_options": {"glyph": {"steps": np.int64(1)}}, "require": {"glyph": 1}},
    {"cancel": None},
    {"cancel": Cancel(Cancel())},
]


@pytest.mark.parametrize("options", ANSWERED_OPTIONS, ids=same_in_each_process)
def test_a_number_of_numpy_or_an_empty_option_is_answered(
    expect: Any, pipeline: Pipeline, options: dict[str, Any]
) -> None:
    wanted = {"max_tokens": 2, **options}

    expect.answer(lambda: pipeline.chat("hello", **wanted), lambda answer: not answer.failures)


# --- whole calls ----------------------------------------------------------------------------------

CALLS: dict[str, Callable[[Pipeline], Any]] = {
    "Cancel of a number": lambda _: Cancel(5),  # type: ignore[arg-type]
    "Pipeline of none": lambda _: Pipeline(None),  # type: ignore[arg-type]
    "Conversation of none": lambda _: Conversation(None),  # type: ignore[arg-type]
    "ask nothing": lambda p: p.ask([]),
    "ask none": lambda p: p.ask(None),  # type: ignore[arg-type]
    "ask text": lambda p: p.ask("hello"),  # type: ignore[arg-type]
    "answered by names": lambda p: p.ask([Message("user", ("a",))], answered={"a": [1]}),  # type: ignore[dict-item]
    "answered of a list": lambda p: p.ask([Message("user", ("a",))], answered=[1]),  # type: ignore[arg-type]
    "answered of the user": lambda p: p.ask([Message("user", ("a",))], answered={0: [1]}),
    "answered beyond": lambda p: p.ask([Message("user", ("a",))], answered={7: [1]}),
    "ids of no token": lambda p: p.ask([Message("assistant", ("a",))], answered={0: [10**9]}),
    "ids below": lambda p: p.ask([Message("assistant", ("a",))], answered={0: [-1]}),
    "ids of text": lambda p: p.ask([Message("assistant", ("a",))], answered={0: "ab"}),  # type: ignore[dict-item]
    "read none": lambda p: p.read(None),  # type: ignore[arg-type]
    "read number": lambda p: p.read(5),  # type: ignore[arg-type]
    "read nothing there": lambda p: p.read("nowhere.glyph"),
    "read nothing": lambda p: p.read(""),
    "read bytes": lambda p: p.read(b"GLYPH"),  # type: ignore[arg-type]
    "write none": lambda p: p.write(None, "a"),  # type: ignore[arg-type]
    "write number": lambda p: p.write(5, "a"),  # type: ignore[arg-type]
    "write to none": lambda p: p.write(glyph(), None),  # type: ignore[arg-type]
    "write to bytes": lambda p: p.write(glyph(), b"a"),  # type: ignore[arg-type]
    "write to nothing": lambda p: p.write(glyph(), ""),
    "write to the root": lambda p: p.write(glyph(), "/"),
    "write to dots": lambda p: p.write(glyph(), ".."),
    "write to NUL": lambda p: p.write(glyph(), "a\0b"),
    "write to a long name": lambda p: p.write(glyph(), "a" * 300),
    "write to a long path": lambda p: p.write(glyph(), "a/" * 3000 + "b"),
    "write to nobody's": lambda p: p.write(glyph(), "~nobody-has-this-name/a"),
    "write to half a character": lambda p: p.write(glyph(), "\ud800"),
    "write below a file": lambda p: p.write(glyph(), "/etc/passwd/a"),
    "write into /proc": lambda p: p.write(glyph(), "/proc/a"),
    "write what nobody writes": lambda p: p.write(Media("smell", b"x"), "a"),
    "write data of another kind": lambda p: p.write(Media("glyph", b"x"), "a"),
    "save part in a format of nobody": lambda p: p.read(glyph()).media.save("a.png"),
    "save part to nothing": lambda p: p.read(glyph()).media.save(""),
    "save part to none": lambda p: p.read(glyph()).media.save(None),
    "save part to NUL": lambda p: p.read(glyph()).media.save("a\0b.glyph"),
    "save part to a long name": lambda p: p.read(glyph()).media.save("a" * 300 + ".glyph"),
    "push to none": lambda p: p.push_to_hub(None),  # type: ignore[arg-type]
    "push to a path": lambda p: p.push_to_hub("../../etc"),
    "save to none": lambda p: p.save(None),  # type: ignore[arg-type]
    "save to NUL": lambda p: p.save("a\0b"),
    "save to a long name": lambda p: p.save("a" * 300),
    "save to nobody's": lambda p: p.save("~nobody-has-this-name/a"),
    "save below a file": lambda p: p.save("/etc/passwd/a"),
    "save into /proc": lambda p: p.save("/proc/a"),
    "save over the root": lambda p: p.save("/"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_call_of_wrong_types_is_refused(
    expect: Any,
    pipeline: Pipeline,
    call: Callable[[Pipeline], Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)

    def drained() -> Any:
        found = call(pipeline)
        return list(found) if isinstance(found, Iterator) else found

    expect.refusal(drained)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "data", [None, 5, "text", [1, 2], {}, object(), Odd()], ids=lambda d: type(d).__name__
)
def test_a_medium_of_no_data_is_refused(expect: Any, data: Any) -> None:
    expect.refusal(lambda: Media("glyph", data))


# --- nothing else, whatever is given --------------------------------------------------------------

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([-1, 0, 1, 2**63, 2**64, -(10**40), math.nan, math.inf, -0.0, 1e308]),
    st.floats(),
    st.complex_numbers(),
    st.text(max_size=20),
    st.text(st.characters(categories=("Cs", "Cc", "Co")), max_size=3),
    st.binary(max_size=8),
    st.sampled_from(["data:,", "data:a/b;base64,", "https://x/y", "file:///etc/passwd"]),
    st.sampled_from(["glyph", "image", "user", "=", "~", "~nobody/x", ".", "/", "a" * 5000, "\0"]),
    st.sampled_from([Path("a.glyph"), Path("x" * 300), Path("~nobody/x"), Path("a\0")]),
    st.sampled_from(
        [glyph(), MediaPart("glyph"), MediaPart("glyph", glyph()), Message("user", ())]
    ),
    st.sampled_from(
        [Message("user", ("a",)), Message("assistant", ("b",)), Message("system", ("c",))]
    ),
    st.sampled_from([object(), object, len, ..., np.zeros(2), np.float32(1), np.int8(3), Cancel()]),
    st.builds(Odd),
)
KEYS = ["glyph", "steps", "role", "content", "type", "text", "data", "url", "llm", "path", "a.b"]
NAMES = st.one_of(st.sampled_from(KEYS), LEAVES)


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.lists(inner, max_size=3).map(iter),
        st.dictionaries(NAMES.filter(_hashable), inner, max_size=3),
    ),
    max_leaves=5,
)
QUICK = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
LONG = settings(QUICK, max_examples=500)


def _methods(owner: type, *left_out: str) -> dict[str, list[str]]:
    """The public methods of a class, with the names of what each takes."""
    found = {}
    for name, method in inspect.getmembers(owner, callable):
        if name.startswith("_") or name in left_out:
            continue
        taken = inspect.signature(method).parameters.values()
        found[name] = [p.name for p in taken if p.name not in ("self", "cls")]
    return found


OPTIONS = ("max_tokens", "temperature", "top_p", "stop", "max_media", "seed", "deterministic")
OPTIONS += ("require", "decoder_options", "cancel", "unknown")
OF_PIPELINE = _methods(Pipeline, "close", "push_to_hub")  # nothing leaves this machine
OF_TASKS = {task.__name__: list(inspect.signature(task).parameters) for task in TASKS}
TASK_USUAL: dict[str, Any] = {"catalog": CATALOG, "stage": "encode", "suite": "toy", "out": "out"}
OF_CONVERSATION = _methods(Conversation)
OF_BUILDER = _methods(Builder)
USUAL: dict[str, Any] = {
    "parts": "hello",
    "messages": [Message("user", ("hello",))],
    "media": glyph(),
    "medium": glyph(),
    "name": "glyph",
}


async def _async(found: Any) -> Any:
    if hasattr(found, "__aiter__"):
        return [event async for event in found]
    return await found


def _call(target: Any, name: str, taken: list[str], data: st.DataObject) -> Any:
    """Call a method with one argument odd or several, the others as usual; use what comes back."""
    names = [n for n in taken if n not in ("options", "settings", "overrides")]
    odd = data.draw(st.sets(st.sampled_from([*names, "…"]), min_size=1))
    arguments: dict[str, Any] = {n: USUAL[n] for n in names if n in USUAL}
    arguments |= {n: data.draw(ANYTHING, label=n) for n in names if n in odd}
    more: list[Any] = []
    if "overrides" in taken and "…" in odd and len(names) <= 2:
        more = data.draw(st.lists(ANYTHING, max_size=2), label="overrides")
    if "options" in taken and "…" in odd:
        key = data.draw(st.sampled_from(OPTIONS))
        arguments[key] = data.draw(ANYTHING, label=key)
        arguments.setdefault("max_tokens", 1)
    method = getattr(target, name)
    required = [
        p.name
        for p in inspect.signature(method).parameters.values()
        if p.default is p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    arguments |= {n: data.draw(ANYTHING, label=n) for n in required if n not in arguments}
    if more:
        first = [arguments.pop(n) for n in required if n in arguments]
        found = method(*first, *more, **arguments)
    else:
        found = method(**arguments)
    if name in ("achat", "astream"):
        return asyncio.run(_async(found))
    return list(itertools.islice(found, 1000)) if isinstance(found, Iterator) else found


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where what has an odd name is written."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", OF_PIPELINE)
def test_a_pipeline_answers_or_refuses_whatever_it_is_given(
    expect: Any, pipeline: Pipeline, here: Path, name: str
) -> None:
    _fuzz(expect, lambda: pipeline, name, OF_PIPELINE[name], QUICK)


@pytest.mark.parametrize("name", OF_CONVERSATION)
def test_a_conversation_answers_or_refuses_whatever_it_is_given(
    expect: Any, pipeline: Pipeline, here: Path, name: str
) -> None:
    _fuzz(expect, pipeline.conversation, name, OF_CONVERSATION[name], QUICK)


@pytest.mark.parametrize("name", OF_BUILDER)
def test_a_builder_makes_a_config_or_refuses_whatever_it_is_given(
    expect: Any, kit: SystemKit, here: Path, name: str
) -> None:
    _fuzz(expect, lambda: kit.builder, name, OF_BUILDER[name], QUICK)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.__name__)
def test_a_task_is_refused_whatever_it_is_given(
    expect: Any, kit: SystemKit, here: Path, monkeypatch: pytest.MonkeyPatch, task: Any
) -> None:
    monkeypatch.setenv("NEXTGPT_CACHE", str(here / "cache"))
    config = kit.builder.config()  # without stages and suites: nothing is ever trained
    names = [n for n in OF_TASKS[task.__name__] if n not in ("overrides", "settings")]

    @QUICK
    @given(data=st.data())
    def one(data: st.DataObject) -> None:
        odd = data.draw(st.sets(st.sampled_from(names), min_size=1))
        usual = {"system": config, "addition": "none", **TASK_USUAL}
        arguments = {n: usual[n] for n in names if n in usual}
        arguments |= {n: data.draw(ANYTHING, label=n) for n in odd}
        more = data.draw(st.lists(ANYTHING, max_size=2), label="overrides")
        first = [arguments.pop(n) for n in ("system", "addition") if n in arguments]

        expect.refusal(lambda: task(*first, *more, **arguments), error=CLEAN)

    one()


@pytest.mark.exhaustive
@pytest.mark.parametrize("owner", ["pipeline", "conversation", "builder"])
def test_nothing_but_answers_and_our_errors_ever_comes_out(
    expect: Any, pipeline: Pipeline, kit: SystemKit, here: Path, owner: str
) -> None:
    methods, target = {
        "pipeline": (OF_PIPELINE, lambda: pipeline),
        "conversation": (OF_CONVERSATION, pipeline.conversation),
        "builder": (OF_BUILDER, lambda: kit.builder),
    }[owner]
    for name, taken in methods.items():
        _fuzz(expect, target, name, taken, LONG)


def _fuzz(
    expect: Any, target: Callable[[], Any], name: str, taken: list[str], how: settings
) -> None:
    @how
    @given(data=st.data())
    def one(data: st.DataObject) -> None:
        def act() -> Any:
            found = _call(target(), name, taken, data)
            return found.config() if isinstance(found, Builder) else found

        expect.clean(act)

    one()


@QUICK
@given(history=ANYTHING)
def test_a_conversation_begins_or_is_refused(expect: Any, pipeline: Pipeline, history: Any) -> None:
    expect.clean(lambda: Conversation(pipeline, history=history))


@QUICK
@given(data=st.data())
def test_a_config_of_python_values_is_read_or_refused(expect: Any, data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(["llm", "modalities", "weights", "generation", "name", "lock"]))
    config = {"llm": {"path": "file:x"}, key: data.draw(ANYTHING)}

    expect.clean(lambda: Pipeline.from_config(config, catalog=CATALOG))


def test_the_reserve_of_a_cancelled_request_is_ours(expect: Any, pipeline: Pipeline) -> None:
    cancel = Cancel()
    cancel.set()

    expect.refusal(lambda: pipeline.chat("hello", cancel=cancel), "cancelled")


def test_a_generator_that_fails_fails_with_its_own_error(pipeline: Pipeline) -> None:
    def parts() -> Iterator[str]:
        yield "hello"
        raise ZeroDivisionError("the caller's")

    with pytest.raises(ZeroDivisionError, match="the caller's"):
        pipeline.chat(parts())  # type: ignore[arg-type]


def test_errors_of_arguments_are_of_the_tree() -> None:
    assert issubclass(RequestError, NextGPTError)
    assert issubclass(ConfigError, NextGPTError)
