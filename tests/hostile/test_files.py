"""Files that other programs leave behind, odd or damaged: read, or refused by name."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextgpt_registry import ConfigError, LockError, SourceError
from nextgpt_registry.documents import json_of, yaml_of
from nextgpt_registry.fetch.cache import stored
from nextgpt_registry.fetch.hub import indexed
from nextgpt_registry.headers import read_header
from nextgpt_registry.llm_facts import complete, read_facts, said_by
from nextgpt_registry.lock import read_lock
from nextgpt_registry.paths import local_path, shortened

pytestmark = pytest.mark.timeout(120)
HOW = settings(
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=5),
        st.sampled_from([10**30, -1, 0, 1, "F32", "5", "\ud800", "weight_map", 2**63]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)

# --- JSON and YAML themselves ---------------------------------------------------------------------

NO_JSON: dict[str, bytes] = {
    "nothing": b"",
    "blank": b"  ",
    "cut off": b'{"a": ',
    "single quotes": b"{'a': 1}",
    "trailing comma": b'{"a": 1,}',
    "two values": b"{} {}",
    "key twice": b'{"a": 1, "a": 2}',
    "key twice below": b'{"a": {"b": 1, "b": 2}}',
    "deep": b"[" * 100_000,
    "deep and closed": b"[" * 300 + b"]" * 300,
    "deep objects": b'{"a":' * 50_000,
    "digits": b"9" * 5000,
    "invalid UTF-8": b'{"a": "\xff"}',
    "UTF-16 of half": b"\xff\xfe{",
    "NUL": b"\0\0\0\0",
    "comment": b"{} // nothing",
    "picture": b"\x89PNG\r\n\x1a\n",
}


@pytest.mark.parametrize("data", NO_JSON.values(), ids=NO_JSON)
def test_what_is_no_json_is_a_value_error(expect: Any, data: bytes) -> None:
    expect.refusal(lambda: json_of(data), error=ValueError)


@HOW
@given(st.binary(max_size=30) | st.text('{}[]":,0123456789eE.-+tfn \\u', max_size=30))
def test_any_bytes_are_json_and_yaml_or_a_value_error(data: bytes | str) -> None:
    text = data if isinstance(data, str) else data.decode("latin-1")

    for parse in (json_of, yaml_of):
        with contextlib.suppress(ValueError):
            parse(text)


# --- locks ----------------------------------------------------------------------------------------

LOCK: dict[str, Any] = {
    "api": "1.0",
    "plugins": {"a": "1"},
    "llm": {"width": 8},
    "channels": {"a": {"tokens": 4}},
    "signals": {
        "base": 10,
        "blocks": [{"channel": "a", "first": 10, "count": 2, "spelling": "[{i}]"}],
    },
}
NO_LOCKS: dict[str, Any] = {
    "list": [],
    "null": None,
    "number": 5,
    "text": "lock",
    "empty": {},
    "api of a number": {**LOCK, "api": 1},
    "api of words": {**LOCK, "api": "one.two"},
    "api too long": {**LOCK, "api": "9" * 5000 + ".0"},
    "plugins of a list": {**LOCK, "plugins": ["a"]},
    "plugins of numbers": {**LOCK, "plugins": {"a": 1}},
    "channels of text": {**LOCK, "channels": {"a": "b"}},
    "signals of none": {**LOCK, "signals": None},
    "base of text": {**LOCK, "signals": {"base": "ten"}},
    "blocks that overlap": {**LOCK, "signals": {**LOCK["signals"], "base": 9}},
    "block of minus one": {
        **LOCK,
        "signals": {
            "base": -1,
            "blocks": [{"channel": "a", "first": -1, "count": 1, "spelling": ""}],
        },
    },
    "weights of null": {**LOCK, "weights": {"a": None}},
    "more keys": {**LOCK, "more": 1},
}


@pytest.mark.parametrize("told", NO_LOCKS.values(), ids=NO_LOCKS)
def test_what_is_no_lock_is_refused(expect: Any, tmp_path: Path, told: Any) -> None:
    path = tmp_path / "lock.json"
    path.write_text(json.dumps(told))

    expect.refusal(lambda: read_lock(path), "lock.json", error=LockError)


@pytest.mark.parametrize("data", NO_JSON.values(), ids=NO_JSON)
def test_a_lock_that_is_no_json_is_refused(expect: Any, tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "lock.json"
    path.write_bytes(data)

    expect.refusal(lambda: read_lock(path), "lock.json", error=LockError)


SPECIAL: dict[str, Callable[[Path], None]] = {
    "not there": lambda path: None,
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to nothing": lambda path: path.symlink_to("nothing"),
}


@pytest.mark.parametrize("make", SPECIAL.values(), ids=SPECIAL)
def test_what_is_no_regular_file_is_refused_and_not_waited_for(
    expect: Any, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    path = tmp_path / "config.json"
    make(path)

    expect.refusal(lambda: read_lock(path), error=LockError)
    expect.refusal(lambda: read_facts(tmp_path), error=ConfigError)
    expect.refusal(lambda: indexed(path), error=SourceError)


@pytest.mark.parametrize("version", ["²", "1.²", "9" * 5000, "", "…", "1..2", "-1", "v1", "٣.٤"])
def test_an_odd_version_in_a_lock_is_compared(expect: Any, tmp_path: Path, version: str) -> None:
    from nextgpt_registry.lock import differences

    path = tmp_path / "lock.json"
    path.write_text(json.dumps({**LOCK, "plugins": {"a": version}}))
    lock = read_lock(path)
    other = lock.model_copy(update={"plugins": {"a": "1.0"}})

    expect.answer(lambda: differences(lock, other))
    expect.answer(lambda: differences(other, lock))


# --- a language model's config.json ---------------------------------------------------------------

FACTS: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 8,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "vocab_size": 100,
    "max_position_embeddings": 64,
}
NO_FACTS: dict[str, Any] = {
    "list": [],
    "null": None,
    "text": "llama",
    "empty": {},
    "no heads": {**FACTS, "num_attention_heads": 0},
    "width of words": {**FACTS, "hidden_size": "wide"},
    "width of a list": {**FACTS, "hidden_size": [8]},
    "width of none": {**FACTS, "hidden_size": None},
    "no width": {**FACTS, "hidden_size": 0},
    "width below nothing": {**FACTS, "hidden_size": -8},
    "endless width": {**FACTS, "hidden_size": float("inf")},
    "width of no number": {**FACTS, "hidden_size": float("nan")},
    "layers of a mapping": {**FACTS, "num_hidden_layers": {}},
    "no vocabulary": {**FACTS, "vocab_size": 0},
    "context below nothing": {**FACTS, "max_position_embeddings": -1},
    "type of a number": {**FACTS, "model_type": 5},
    "unknown type": {**FACTS, "model_type": "nothing"},
    "head of words": {**FACTS, "head_dim": "x"},
    "keys of words": {**FACTS, "num_key_value_heads": "x"},
    "numbers as text": {**FACTS, "hidden_size": "8", "vocab_size": "100"},  # no model loads so
    "text config that spoils": {**FACTS, "text_config": {"hidden_size": "x"}},
}


@pytest.mark.parametrize("told", NO_FACTS.values(), ids=NO_FACTS)
def test_a_config_without_sizes_is_refused(expect: Any, tmp_path: Path, told: Any) -> None:
    (tmp_path / "config.json").write_text(json.dumps(told))

    expect.refusal(lambda: read_facts(tmp_path), "config.json", error=ConfigError)


ODD_FACTS = {
    "text config of none": {**FACTS, "text_config": None},
    "text config of a list": {**FACTS, "text_config": [1]},
    "infinity elsewhere": {**FACTS, "time_step_limit": [0, float("inf")]},
    "huge number elsewhere": {**FACTS, "model_max_length": 10**30},
}


@pytest.mark.parametrize("told", ODD_FACTS.values(), ids=ODD_FACTS)
def test_an_odd_config_with_sizes_is_read(expect: Any, tmp_path: Path, told: Any) -> None:
    (tmp_path / "config.json").write_text(json.dumps(told))

    expect.answer(lambda: read_facts(tmp_path).width, 8)


@HOW
@given(st.dictionaries(st.sampled_from([*FACTS, "text_config", "head_dim", "n_embd"]), JSON))
def test_any_config_json_has_sizes_or_is_refused(expect: Any, told: dict[str, Any]) -> None:
    expect.clean(lambda: complete({}, said_by({**FACTS, **told}), who="config.json"))
    expect.clean(lambda: complete({}, said_by(told), who="config.json"))


# --- safetensors ----------------------------------------------------------------------------------

ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def safetensors(path: Path, header: Any, data: bytes = bytes(8)) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


NO_HEADERS: dict[str, Any] = {
    **{f"JSON: {name}": data for name, data in NO_JSON.items()},
    "list": [],
    "null": None,
    "text": "a",
    "metadata of a list": {"__metadata__": [], "a": ENTRY},
    "metadata of text": {"__metadata__": "nextgpt", "a": ENTRY},
    "metadata of null": {"__metadata__": None, "a": ENTRY},
    "metadata of a number": {"__metadata__": 5, "a": ENTRY},
    "entry of null": {"a": None},
    "entry of a list": {"a": [1]},
    "entry of text": {"a": "F32"},
    "no shape": {"a": {"dtype": "F32", "data_offsets": [0, 8]}},
    "shape of text": {"a": {**ENTRY, "shape": "22"}},
    "shape of floats": {"a": {**ENTRY, "shape": [2.0]}},
    "shape of bools": {"a": {**ENTRY, "shape": [True, True]}},
    "shape below nothing": {"a": {**ENTRY, "shape": [-2]}},
    "shape of a mapping": {"a": {**ENTRY, "shape": {"0": 2}}},
    "dtype of a number": {"a": {**ENTRY, "dtype": 32}},
    "dtype of a list": {"a": {**ENTRY, "dtype": ["F32"]}},
    "one offset": {"a": {**ENTRY, "data_offsets": [8]}},
    "offsets of text": {"a": {**ENTRY, "data_offsets": ["0", "8"]}},
    "offsets the wrong way": {"a": {**ENTRY, "data_offsets": [8, 0]}},
    "offsets below nothing": {"a": {**ENTRY, "data_offsets": [-8, 8]}},
    "offsets beyond the file": {"a": {**ENTRY, "data_offsets": [0, 10**30]}},
    "offsets of null": {"a": {**ENTRY, "data_offsets": None}},
}


@pytest.mark.parametrize("header", NO_HEADERS.values(), ids=NO_HEADERS)
def test_a_header_of_no_tensors_is_refused(expect: Any, tmp_path: Path, header: Any) -> None:
    path = safetensors(tmp_path / "a.safetensors", header)

    expect.refusal(lambda: read_header(path), "a.safetensors", error=SourceError)


@pytest.mark.parametrize(
    "data",
    [b"", b"\0" * 7, b"\0" * 8, b"\xff" * 8, b"\xff" * 100, (2**40).to_bytes(8, "little") + b"{}"],
    ids=len,
)
def test_a_file_that_is_cut_off_or_lies_about_its_header_is_refused(
    expect: Any, tmp_path: Path, data: bytes
) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(data)

    expect.refusal(lambda: read_header(path), "a.safetensors", error=SourceError)


ODD_METADATA: dict[str, Any] = {
    "empty": {},
    "numbers": {"format": 5},
    "nested": {"a": {"b": [1]}},
    "null": {"nextgpt": None},
    "list for our mark": {"nextgpt": ["compact-1"]},
    "another version of ours": {"nextgpt": "compact-999"},
    "large": {"a": "x" * 1_000_000},
    "many": {f"k{n}": "v" for n in range(10_000)},
    "half a character": {"a": "\ud800"},
}


@pytest.mark.parametrize("metadata", ODD_METADATA.values(), ids=ODD_METADATA)
def test_odd_metadata_keeps_no_tensor_from_being_read(
    expect: Any, tmp_path: Path, metadata: Any
) -> None:
    header = {"__metadata__": metadata, "a": ENTRY}
    path = safetensors(tmp_path / "a.safetensors", header)

    expect.answer(lambda: read_header(path)["a"].shape, (2,))
    expect.clean(lambda: _loaded(path))


@pytest.mark.parametrize("header", NO_HEADERS.values(), ids=NO_HEADERS)
def test_tensors_of_a_damaged_file_are_not_loaded(expect: Any, tmp_path: Path, header: Any) -> None:
    expect.clean(lambda: _loaded(safetensors(tmp_path / "a.safetensors", header)))


def _loaded(path: Path) -> Any:
    from nextgpt_registry.tensors import load_compact

    return load_compact(path)


@HOW
@given(JSON, JSON, JSON, JSON)
def test_any_header_is_read_or_refused(
    expect: Any, tmp_path: Path, metadata: Any, shape: Any, dtype: Any, offsets: Any
) -> None:
    entry = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
    path = tmp_path / "a.safetensors"

    for header in ({"__metadata__": metadata, "a": ENTRY}, {"a": entry}, {"a": shape}, dtype):
        safetensors(path, header)
        expect.clean(lambda: read_header(path))


# --- lists of shards, the cache -------------------------------------------------------------------

NO_INDEXES: dict[str, Any] = {
    "list": [],
    "null": None,
    "no map": {},
    "map of a list": {"weight_map": ["a"]},
    "map of null": {"weight_map": None},
    "files of numbers": {"weight_map": {"a": 5}},
    "files of lists": {"weight_map": {"a": ["b"]}},
    "files elsewhere": {"weight_map": {"a": "../../etc/passwd"}},
    "files at the root": {"weight_map": {"a": "/etc/passwd"}},
    "no name": {"weight_map": {"a": ""}},
}


@pytest.mark.parametrize("told", NO_INDEXES.values(), ids=NO_INDEXES)
def test_an_index_of_no_files_beside_it_is_refused(expect: Any, tmp_path: Path, told: Any) -> None:
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(json.dumps(told))

    expect.refusal(lambda: indexed(path), "index.json", error=SourceError)


@pytest.mark.parametrize(
    "data",
    [*NO_JSON.values(), b"[]", b"5", b'{"a": 1}', b'{"a": [1, 2]}', b'{"../x": [1, 2, "a"]}'],
)
def test_a_damaged_manifest_of_the_cache_means_not_stored(
    expect: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path))
    (tmp_path / "kind" / "key").mkdir(parents=True)
    (tmp_path / "kind" / "key" / ".nextgpt.json").write_bytes(data)

    expect.answer(lambda: stored("kind", "key"), lambda found: found is None)


@pytest.mark.parametrize("name", ["NEXTGPT_CACHE", "NEXTGPT_MODELS"])
@pytest.mark.parametrize("value", ["~nobody-has-this-name", "a" * 300, "/etc/passwd/x"])
def test_an_odd_folder_in_the_environment_is_refused_or_empty(
    expect: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    from nextgpt_registry.fetch.sources import cached

    monkeypatch.setenv(name, value)

    expect.clean(lambda: cached("models:a/b", sha256=None))
    expect.clean(lambda: cached("pypi:a==1.0/b", sha256="0" * 64))


# --- paths ----------------------------------------------------------------------------------------


@HOW
@given(
    st.one_of(
        st.text(max_size=10),
        st.text(st.characters(categories=("Cs", "Cc")), max_size=4),
        st.binary(max_size=6),
        st.sampled_from(
            ["~", "~root", "~nobody-has-this-name", "a" * 300, "a/" * 3000, "/proc/1/x"]
        ),
        st.none() | st.integers() | st.lists(st.text()),
    )
)
def test_any_path_can_be_looked_at_or_is_refused(expect: Any, given: Any) -> None:
    expect.clean(lambda: local_path(given).is_file())
    assert len(shortened(given)) < 300


# --- what people write for a run ------------------------------------------------------------------

NO_YAML = {
    "nothing": "",
    "list": "- a\n",
    "number": "5",
    "deep": "[" * 5000,
    "laughs": "a: &a [x, x, x, x, x, x, x, x, x]\n"
    + "".join(f"b{n}: &b{n} [*{'a' if n == 0 else f'b{n - 1}'}, x]\n" for n in range(60)),
    "loop": "conversations: &a [*a]\n",
    "tag": "conversations: !!float x\n",
    "key twice": "title: a\ntitle: b\n",
    "wrong types": "conversations: 5\naxes: []\ncolumns: x\n",
    "NUL": "title: \0",
}


@pytest.mark.parametrize("text", NO_YAML.values(), ids=NO_YAML)
def test_a_script_or_comparison_that_is_none_is_refused(
    expect: Any, tmp_path: Path, text: str
) -> None:
    from nextgpt_core.ablate.axes import read_axes
    from nextgpt_core.demo.script import read_script

    path = tmp_path / "a.yaml"
    path.write_text(text)

    expect.refusal(lambda: read_script(path), "a.yaml", error=ConfigError)
    expect.refusal(lambda: read_axes(path), "a.yaml", error=ConfigError)


NO_SUITES: dict[str, bytes] = {
    **NO_JSON,
    "list": b"[]",
    "number": b"5",
    "null": b"null",
    "no name": b"{}",
    "name of a number": b'{"suite": 5}',
    "second line a list": b'{"suite": "a"}\n[]',
    "second line null": b'{"suite": "a"}\nnull',
    "second line a number": b'{"suite": "a"}\n5',
    "dialogue of a number": b'{"suite": "a"}\n{"dialogue": 5}',
    "no dialogue": b'{"suite": "a"}\n{"dialogue": []}',
    "messages of text": b'{"suite": "a"}\n'
    b'{"id": "1", "direction": "a", "messages": "b", "expected": []}',
    "file outside": b'{"suite": "a"}\n{"dialogue": [{"role": "user", "parts":'
    b' [{"kind": "glyph", "file": "../x"}]}]}',
    "invalid UTF-8": b'{"suite": "a\xff"}',
}


@pytest.mark.parametrize("data", NO_SUITES.values(), ids=NO_SUITES)
def test_a_suite_that_is_none_is_refused(expect: Any, tmp_path: Path, data: bytes) -> None:
    from nextgpt_core.evaluation.suitefile import read_suite
    from nextgpt_registry import Catalog

    path = tmp_path / "suite.jsonl"
    path.write_bytes(data)

    expect.refusal(lambda: read_suite(path, Catalog.of({})), "suite.jsonl", error=ConfigError)


# --- a language model's folder, a run's folder ----------------------------------------------------

SPOILT: dict[str, tuple[str, bytes]] = {
    "config: list": ("config.json", b"[]"),
    "config: null": ("config.json", b"null"),
    "config: deep": ("config.json", b"[" * 5000),
    "config: cut off": ("config.json", b"{"),
    "config: of nothing": ("config.json", b"{}"),
    "config: of an unknown family": ("config.json", b'{"model_type": "nothing"}'),
    "config: of another kind": ("config.json", b'{"model_type": "clip"}'),
    "tokenizer: nothing": ("tokenizer.json", b""),
    "tokenizer: list": ("tokenizer.json", b"[]"),
    "tokenizer: empty": ("tokenizer.json", b"{}"),
    "tokenizer: odd": ("tokenizer.json", b'{"model": 5, "added_tokens": {}}'),
    "tokenizer: deep": ("tokenizer.json", b"[" * 100_000),
    "settings: list": ("tokenizer_config.json", b"[]"),
    "settings: cut off": ("tokenizer_config.json", b"{"),
    "weights: nothing": ("model.safetensors", b""),
    "weights: text": ("model.safetensors", b"hello, I am no file of tensors"),
    "weights: odd metadata": (
        "model.safetensors",
        (19).to_bytes(8, "little") + b'{"__metadata__": 5}',
    ),
    "template: unclosed": ("chat_template.jinja", b"{% for m in messages %}"),
    "template: loses turns": ("chat_template.jinja", b"hello"),
    "template: fails": ("chat_template.jinja", b"{{ messages[7]['role'] + 1 }}"),
    "template: divides by nothing": ("chat_template.jinja", b"{{ 1 / 0 }}"),
    "template: no UTF-8": ("chat_template.jinja", b"\xff\xfe"),
}


@pytest.mark.parametrize(("name", "data"), SPOILT.values(), ids=SPOILT)
def test_a_damaged_folder_of_a_language_model_is_refused(
    expect: Any, kit: Any, tmp_path: Path, name: str, data: bytes
) -> None:
    import shutil

    from nextgpt_core import Pipeline

    folder = tmp_path / "llm"
    shutil.copytree(kit.llm, folder)
    (folder / name).write_bytes(data)
    told = {"llm": {"path": f"file:{folder}", "facts": {**TINY, "family": "llama"}}}

    def ask() -> Any:
        with Pipeline.from_config(told, catalog=kit.builder.catalog) as pipeline:
            return pipeline.chat("hello", max_tokens=1)

    expect.refusal(ask)


TINY = {
    "parameters": 1,
    "width": 32,
    "layers": 2,
    "vocabulary": 300,
    "tied": True,
    "context": 1024,
}


@pytest.mark.parametrize("data", [b"", b"hello", b"\x80\x02cos\nsystem\n", b"PK\x03\x04"])
def test_a_damaged_state_or_part_of_a_run_is_refused(
    expect: Any, tmp_path: Path, data: bytes
) -> None:
    from nextgpt_core.training.folder import RunFolder, read_parts

    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "signals.safetensors").write_bytes(data)
    expect.refusal(lambda: read_parts(tmp_path))
    with RunFolder(tmp_path) as run:
        for state in tmp_path.glob("state*"):
            state.unlink()
        (tmp_path / "state.pt").write_bytes(data)
        expect.refusal(run.load, "state")
