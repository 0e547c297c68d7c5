"""Configs and overrides as nobody should write them: a config, or a ConfigError."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nextgpt_registry import Catalog, Config, ConfigError, load_config
from nextgpt_registry.additions import find_offer

pytestmark = pytest.mark.timeout(120)
EMPTY = Catalog.of({})
PLAIN: dict[str, Any] = {
    "llm": {"path": "file:model"},
    "modalities": {
        "lidar": {"encoder": {"name": "patch", "weights": {"a.b": {"source": "file:w"}}}},
        "x.y": {"decoder": "beams"},
    },
    "weights": {"project.lidar": {"source": "file:p"}, "signals": {"source": "file:s"}},
}


class Odd:
    def __repr__(self) -> str:
        raise ValueError("no repr")


def load(source: Any, *overrides: Any) -> Config:
    return load_config(source, overrides, catalog=EMPTY).config


# --- sources --------------------------------------------------------------------------------------

LOOP: dict[str, Any] = {"llm": {"path": "file:m"}}
LOOP["define"] = {"loop": LOOP}
DEEP: Any = {"llm": {"path": "file:m"}}
for _ in range(500):
    DEEP = {"define": DEEP}
LAUGHS: Any = "ha"
for _ in range(40):
    LAUGHS = [LAUGHS, LAUGHS]

NO_SOURCES: dict[str, Any] = {
    "none": None,
    "number": 5,
    "nan": math.nan,
    "bool": True,
    "bytes": b"mini",
    "list": [],
    "tuple": ("mini",),
    "set": {"mini"},
    "object": object(),
    "odd object": Odd(),
    "class": Config,
    "nothing": "",
    "half a character": "\ud800",
    "NUL": "a\0b",
    "nobody's": "~nobody-has-this-name/x",
    "nobody": "~nobody-has-this-name",
    "long name": "a" * 300,
    "long path": "a/" * 5000,
    "not there": "./not-there.yaml",
    "below a file": "/etc/passwd/a",
    "device": "/dev/zero",
    "terminal": "/dev/tty",
    "folder": "/",
    "path of NUL": Path("\0"),
    "path of nobody": Path("~nobody-has-this-name"),
    "long path object": Path("a" * 300),
    "empty dict": {},
    "dict of number keys": {1: 2},
    "dict of None": {None: 1},
    "dict of tuples": {(1, 2): 3},
    "dict of bytes": {b"llm": {"path": "x"}},
    "dict of objects": {"llm": object()},
    "dict of sets": {"llm": {"path": {"a"}}},
    "dict of functions": {"llm": {"path": len}},
    "dict that holds itself": LOOP,
    "deep dict": DEEP,
    "dict that grows": {"llm": {"path": "file:m"}, "define": {"x": LAUGHS}},
    "huge number": {"llm": {"path": "file:m"}, "feature_cache_mb": -(10**5000)},
    "nan for a number": {"llm": {"path": "file:m"}, "generation": {"top_p": math.nan}},
    "name of a number": {"llm": {"path": "file:m"}, "name": 5},
    "name of an odd object": {"llm": {"path": "file:m"}, "name": Odd()},
    "many wrong keys": {"llm": {"path": "file:m"}, **{f"key{n}": n for n in range(500)}},
    "long wrong value": {"llm": {"path": "file:m"}, "lock": {"a": "x" * 10**6}},
    "long wrong key": {"llm": {"path": "file:m"}, "k" * 10**5: 1},
}


@pytest.mark.parametrize("source", NO_SOURCES.values(), ids=NO_SOURCES)
def test_what_is_no_config_is_refused(expect: Any, source: Any) -> None:
    expect.refusal(lambda: load(source), error=ConfigError)


@pytest.mark.parametrize(
    "source", [None, 5, b"x", "", "\0", "~nobody-has-this-name/x", "a" * 300, "/dev/zero", "./no"]
)
def test_what_is_no_addition_is_refused(expect: Any, source: Any) -> None:
    expect.refusal(lambda: find_offer(source, catalog=EMPTY))


@pytest.mark.parametrize(
    "overrides", ["llm.path=x", [None], [5], [b"a=b"], [["a=b"]], [Odd()]], ids=lambda o: type(o)
)
def test_overrides_are_texts(expect: Any, overrides: Any) -> None:
    expect.refusal(lambda: load_config(PLAIN, overrides), "overrides")


# --- texts ----------------------------------------------------------------------------------------

LAUGHTER = "a0: &a0 [ha, ha, ha, ha]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)
MERGES = "a0: &a0 {k: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 40)
)
GROWING = "define:\n  a0: hahaha\n" + "".join(
    f"  a{n}: ${{define.a{n - 1}}}${{define.a{n - 1}}}\n" for n in range(1, 40)
)
GROWING_LISTS = "define:\n  a0: [ha]\n" + "".join(
    f"  a{n}: ['${{define.a{n - 1}}}', '${{define.a{n - 1}}}']\n" for n in range(1, 40)
)
CHAIN = "define:\n  a0: x\n" + "".join(f"  a{n}: ${{define.a{n - 1}}}\n" for n in range(1, 2000))
LLM = "llm: {path: 'file:model'}\n"
NO_TEXTS: dict[str, str | bytes] = {
    "nothing": "",
    "blank": " \n\n",
    "comment": "# nothing\n",
    "list": "- a\n- b\n",
    "scalar": "mini",
    "number": "5",
    "null": "null",
    "two documents": f"{LLM}---\n{LLM}",
    "unclosed": "llm: [",
    "tab": f"{LLM}generation:\n\tseed: 1\n",
    "key twice": f"{LLM}{LLM}",
    "key twice below": "llm: {path: a, path: b}",
    "key twice by another type": f"{LLM}define: {{1: a, '1': b}}\n",
    "key that is a list": f"{LLM}[a]: b\n",
    "key that is a mapping": f"{LLM}? {{a: b}}\n: c\n",
    "unknown anchor": f"{LLM}name: *nowhere\n",
    "alias of itself": f"{LLM}define: &a [*a]\n",
    "billion laughs": LAUGHTER + LLM,
    "merged laughs": MERGES + LLM,
    "references that grow": GROWING + LLM,
    "references to lists that grow": GROWING_LISTS + LLM,
    "chain of references": CHAIN + LLM,
    "reference to itself": f"{LLM}define: {{a: '${{define.a}}'}}\n",
    "references in a ring": f"{LLM}define: {{a: '${{define.b}}', b: '${{define.a}}'}}\n",
    "reference to what holds it": f"{LLM}define: {{a: {{b: '${{define.a}}'}}}}\n",
    "relative ring": f"{LLM}define: {{a: {{b: '${{..a}}'}}}}\n",
    "reference in a reference": f"{LLM}define: {{a: b, c: '${{define.${{define.a}}}}'}}\n",
    "reference to nothing": f"{LLM}name: ${{nowhere}}\n",
    "unclosed reference": f"{LLM}name: '${{define'\n",
    "deep references": f"{LLM}name: '{'${' * 5000}'\n",
    "unknown resolver": f"{LLM}name: ${{oc.system:ls}}\n",
    "deep lists": f"{LLM}define: {'[' * 100_000}",
    "deep closed lists": f"{LLM}define: {'[' * 200 + ']' * 200}",
    "deep mappings": f"{LLM}define: {'{a: ' * 3000}",
    "deep dashes": f"{LLM}define:\n  {'- ' * 3000}x\n",
    "deep indents": LLM + "".join(f"{' ' * n}a:\n" for n in range(400)),
    "python object": f"{LLM}define: !!python/object/apply:os.system ['true']\n",
    "python name": f"{LLM}define: !!python/name:os.system\n",
    "unknown tag": f"{LLM}define: !thing x\n",
    "float of no number": f"{LLM}define: !!float x\n",
    "int of no number": f"{LLM}define: !!int x\n",
    "bool of no bool": f"{LLM}define: !!bool x\n",
    "time of no time": f"{LLM}define: !!timestamp x\n",
    "binary of no base64": f"{LLM}define: !!binary x\n",
    "set": f"{LLM}plugins: !!set {{a, b}}\n",
    "thousands of digits": f"{LLM}define: {'9' * 5000}\n",
    "digits with colons": f"{LLM}define: {':'.join(['1'] * 5000)}\n",
    "NUL": f"{LLM}name: a\0b\n",
    "escape": f"{LLM}name: \x1b[31m\n",
    "half a character escaped": f'{LLM}system_prompt: "\\uD800"\n',
    "half of UTF-8": LLM.encode() + b"name: \xff\xfe\n",
    "UTF-16": LLM.encode("utf-16"),
    "Latin-1": "llm: {path: über}".encode("latin-1"),
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "JSON lines": '{"llm": 1}\n{"llm": 2}\n',
    "too long": LLM + "# x\n" * 200_000,
    "many values": f"{LLM}define: [{'1,' * 110_000}]\n",
    "wrong types": "llm: []\nmodalities: 5\nweights: x\ngeneration: [1]\nplugins: {a: b}\n",
    "null llm": "llm: null\n",
    "llm of a list of numbers": "llm: {path: [1, 2]}\n",
    "missing marks": "llm: {path: ???}\n",
}


@pytest.mark.parametrize("text", NO_TEXTS.values(), ids=NO_TEXTS)
def test_a_file_that_is_no_config_is_refused_by_name(
    expect: Any, tmp_path: Path, text: str | bytes
) -> None:
    path = tmp_path / "broken.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())

    expect.refusal(lambda: load(path), "broken", error=ConfigError)


TEXTS: dict[str, tuple[str | bytes, Any]] = {
    "a mark before the first byte": (b"\xef\xbb\xbf" + LLM.encode(), "custom"),
    "Windows line ends": (LLM.replace("\n", "\r\n").encode(), "custom"),
    "no line end": (LLM.strip(), "custom"),
    "a document mark": (f"---\n{LLM}...\n", "custom"),
    "JSON": ('{"llm": {"path": "file:model"}, "name": "a"}', "a"),
    "an alias": (f"{LLM}define: &a {{x: b}}\nname: ${{define.x}}\n", "b"),
    "a merge": ("define: &a {path: 'file:m'}\nllm: {<<: *a, layer: -1}\nname: c\n", "c"),
    "a reference": (f"{LLM}define: {{n: d}}\nname: ${{define.n}}\n", "d"),
    "a relative reference": (f"{LLM}define: {{n: e, m: '${{.n}}'}}\nname: ${{define.m}}\n", "e"),
    "an escaped reference": (f"{LLM}system_prompt: '\\${{x}}'\nname: f\n", "f"),
    "a date that is text": (f"{LLM}system_prompt: 2024-01-01\nname: g\n", "g"),
}


@pytest.mark.parametrize(("text", "name"), TEXTS.values(), ids=TEXTS)
def test_an_unusual_file_is_read(expect: Any, tmp_path: Path, text: str | bytes, name: str) -> None:
    path = tmp_path / "custom.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())

    expect.answer(lambda: load(path).name, name)


def test_special_files_are_refused_and_not_waited_for(expect: Any, tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "dangling.yaml").symlink_to("nowhere")
    (tmp_path / "saved").mkdir()
    os.mkfifo(tmp_path / "saved" / "nextgpt.yaml")

    for name in ("pipe.yaml", "loop.yaml", "dangling.yaml", "saved"):
        expect.refusal(lambda name=name: load(tmp_path / name), error=ConfigError)


# --- overrides ------------------------------------------------------------------------------------

NO_OVERRIDES = [
    "", "=", "==", "a", "=a", " =a", "a =b", " a=b", "[", "[=1", "]=1", "a[=1", "a]=1", "[]=1",
    "[a]=1", "[0]=1", ".=1", "..=1", ".a=1", "a.=1", "a..b=1", "llm..path=x", "llm.=x", "llm[=x",
    "llm.path.x=1", "llm.path[0]=1", "plugins.0=a", "plugins[0]=a", "plugins[-1]=a", "llm=5",
    "llm=null", "llm=", "weights=", "modalities=5", "modalities.lidar=5", "weights.signals=5",
    "weights.project.lidar.sourc=x", "weights.project.lidar.source.x=1", "llm.path=[1",
    "llm.path={", "llm.path=[&a [1], *a]", "llm.path=*a", "llm.path=&a [*a]", "llm.path=!!float x",
    "llm.layer=" + "9" * 5000, "llm.layer=nan", "llm.layer=1.5", "generation.top_p=nan",
    "generation.seed=x", "define=${define}", "define.x=${define.x}", "name=${nowhere}", "name=${",
    "name=${${llm}}", "name=???", "name=\ud800", "name=a\0", "\ud800=1", "\0=1", "name=A B",
    "a" * 10_000 + "=1", ".".join("a" * 100) + "=1", "llm.path=" + "[" * 50_000,
    "define=" + LAUGHTER.replace("\n", ", ").replace("a0: ", "{a0: ", 1), "llm.path: x", "--x=1",
    "generation.top_k=true", "generation.temperature=false", "llm.layer=true",
    "feature_cache_mb=true", "generation.stop=[" + "a," * 1001 + "]",
    "modalities.lidar.signals=true", "max_tokens=12",
    "modalities.lidar.encoder.weights.a.b.source=", "training.x=1", "suites.x={}",
]  # fmt: skip


@pytest.mark.parametrize("override", NO_OVERRIDES, ids=lambda text: ascii(text)[:30])
def test_an_override_that_makes_no_config_is_refused(expect: Any, override: str) -> None:
    expect.refusal(lambda: load(PLAIN, override), error=ConfigError)


TABLES = {
    "weights.project.lidar=null": ("weights", {"signals"}),
    "weights.project.lidar=": ("weights", {"signals"}),
    "weights[project.lidar]=null": ("weights", {"signals"}),
    "weights.signals=null": ("weights", {"project.lidar"}),
    "weights.project.new={source: x}": ("weights", {"project.lidar", "signals", "project.new"}),
    "weights.project.new.source=x": ("weights", {"project.lidar", "signals", "project.new"}),
    "weights.project.lidar.sha256=x": ("weights", {"project.lidar", "signals"}),
    "weights={}": ("weights", {"project.lidar", "signals"}),
    "modalities.lidar=null": ("modalities", {"x.y"}),
    "modalities.x.y=null": ("modalities", {"lidar"}),
    "modalities.x.y.signals=3": ("modalities", {"lidar", "x.y"}),
    "training.nothing=null": ("training", set()),
    "suites.nothing=null": ("suites", set()),
}


@pytest.mark.parametrize(("override", "left"), TABLES.items(), ids=TABLES)
def test_null_takes_an_entry_out_whatever_dots_it_has(
    expect: Any, override: str, left: tuple[str, set[str]]
) -> None:
    table, names = left

    expect.answer(lambda: set(getattr(load(PLAIN, override), table)), names)


def test_null_takes_a_component_s_file_out(expect: Any) -> None:
    def files(override: str) -> set[str]:
        encoder = load(PLAIN, override).modalities["lidar"].encoder
        assert encoder is not None
        return set(encoder.weights)

    at = "modalities.lidar.encoder.weights"
    expect.answer(lambda: files(f"{at}.a.b=null"), set())
    expect.answer(lambda: files(f"{at}.a.b.sha256=x"), {"a.b"})
    expect.answer(lambda: files(f"{at}.c={{source: x}}"), {"a.b", "c"})


# --- whatever is written --------------------------------------------------------------------------

PIECES = st.sampled_from(
    [*"[]{}:,&*!|>%@`'\"#-?.=~ \n\t\\$", "llm", "path", "${", "}", "&a ", "*a", "!!", "<<: ", "- ",
     "llm: {path: x}\n", "modalities", "weights", "null", "1e999", "0x", "\ufeff", "\x00", "\u2028",
     "define", "?", "...", "---", "\ud800", "9" * 50]
)  # fmt: skip
HOW = settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@HOW
@given(st.lists(PIECES, max_size=12).map("".join))
@example("a=${a}")
def test_any_override_makes_a_config_or_is_refused(expect: Any, override: str) -> None:
    expect.clean(lambda: load(PLAIN, override))


@HOW
@given(st.lists(PIECES, max_size=12).map("".join))
def test_any_text_is_a_config_or_is_refused(expect: Any, tmp_path: Path, text: str) -> None:
    path = tmp_path / "any.yaml"
    path.write_bytes(("llm: {path: 'file:m'}\n" + text).encode("utf-8", "surrogatepass"))

    expect.clean(lambda: load(path))


@pytest.mark.exhaustive
@settings(HOW, max_examples=20_000)
@given(st.lists(PIECES, max_size=25).map("".join), st.lists(PIECES, max_size=25).map("".join))
def test_no_text_and_no_override_escape(
    expect: Any, tmp_path: Path, text: str, override: str
) -> None:
    path = tmp_path / "any.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))

    expect.clean(lambda: load(path, override))
    expect.clean(lambda: load(PLAIN, override))
