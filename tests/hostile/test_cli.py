"""Commands as nobody should type them: an answer, or one message and exit code 2. No traceback."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextgpt_core.testing import SystemKit, glyph
from nextgpt_core.testing.toy import PLUGIN
from nextgpt_registry.cli import main
from nextgpt_registry.configfile import dump_config

pytestmark = pytest.mark.timeout(300)
NOBODY = "~nobody-has-this-name/x"
LONG = "a" * 300
BYTES = "\udcff\udcfe"  # how Python hands on bytes that are no UTF-8
ODD_TALKS = {"linked": "a.glyph", "piped": "a.glyph", "nul": "a\0b", "long": LONG, "itself": "."}
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a config, media, a script, and a distribution that installs the toy plugin."""
    folder = tmp_path_factory.mktemp("commands")
    (folder / "kit.yaml").write_text(dump_config(SystemKit(folder).builder.config()))
    PLUGIN.nextgpt_write_media(glyph(1), folder / "one")
    (folder / "empty.yaml").write_text("")
    (folder / "empty.glyph").write_bytes(b"")
    (folder / "empty.jsonl").write_bytes(b"")
    (folder / "half.yaml").write_bytes(b"\xff\xfe")
    shutil.copy(folder / "one.glyph", os.fsencode(folder) + b"/\xff\xfe.glyph")
    os.mkfifo(folder / "pipe.glyph")
    for name, path in ODD_TALKS.items():
        (folder / name).mkdir()
        part = {"type": "glyph", "channel": "glyph", "path": path}
        talk = json.dumps([{"role": "user", "parts": [part]}])
        (folder / name / "conversation.json").write_text(talk)
    (folder / "linked" / "a.glyph").symlink_to("/dev/zero")
    os.mkfifo(folder / "piped" / "a.glyph")
    (folder / "pipes").mkdir()
    os.mkfifo(folder / "pipes" / "conversation.json")
    dist = folder / "site" / "toy_plugin-1.0.dist-info"
    dist.mkdir(parents=True)
    (dist / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-plugin\nVersion: 1.0\n")
    (dist / "entry_points.txt").write_text(
        "[nextgpt.plugins]\ntoy = nextgpt_core.testing.toy:PLUGIN\n"
    )
    return folder


@pytest.fixture
def nextgpt(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Run:
    """`nextgpt("run", …)` in this process: exit code, stdout, stderr."""
    monkeypatch.syspath_prepend(str(folder / "site"))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("NEXTGPT_CACHE", str(folder / "cache"))
    monkeypatch.setenv("NEXTGPT_OFFLINE", "1")
    monkeypatch.delenv("NEXTGPT_DEBUG", raising=False)

    def run(*arguments: str, lines: Sequence[str] = ()) -> tuple[int, str, str]:
        capfd.readouterr()
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        out, err = capfd.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def _told(found: tuple[int, str, str], *codes: int) -> bool:
    code, out, err = found
    assert code in codes, f"exit code {code}: {err[-2000:]}"
    assert "Traceback" not in err
    assert "nextgpt: unexpected" not in err
    assert (out + err).strip() or code == 0  # a command without arguments prints its help
    assert len(err) < 20_000
    return True


ODD_SYSTEMS = ["", " ", NOBODY, "~nobody-has-this-name", LONG, "a/" * 3000, BYTES, "\ud800", "\0",
               "nowhere", "./nowhere", "/", "/dev/null", "/etc/passwd/x", "empty.yaml", "half.yaml",
               "one.glyph", "pipe.glyph", "=", "-", "null"]  # fmt: skip
OF_SYSTEMS = [
    ["plan"],
    ["plan", "--json"],
    ["plan", "kit.yaml", "--add"],
    ["run", "--text", "a"],
    ["chat"],
    ["demo"],
    ["eval"],
    ["pull"],
    ["train", "--stage", "instruct"],
    ["train", "kit.yaml", "--out", "new", "--add"],
    ["ablate"],
]


@pytest.mark.exhaustive(sample=30)
@pytest.mark.parametrize("system", ODD_SYSTEMS, ids=lambda text: ascii(text)[:20])
@pytest.mark.parametrize("command", OF_SYSTEMS, ids=" ".join)
def test_a_system_that_is_none_is_refused(
    expect: Any, nextgpt: Run, command: list[str], system: str
) -> None:
    if command[-1] == "--add" and system == "":
        pytest.skip("the same as leaving it out")
    first, *more = command
    line = [*command, system] if command[-1] == "--add" else [first, system, *more]

    expect.answer(lambda: nextgpt(*line), lambda found: _told(found, 2))


RUN = ["run", "kit.yaml", "--untrained"]
NO_LINES: list[list[str]] = [
    [*RUN, "--text", ""],
    ["nothing"],
    [""],
    [BYTES],
    ["\ud800"],
    ["--nothing"],
    ["plan"],
    ["plan", "kit.yaml", "--nothing"],
    ["plan", "kit.yaml", "="],
    ["plan", "kit.yaml", "[=1"],
    ["plan", "kit.yaml", f"llm.path={BYTES}"],
    ["plan", "kit.yaml", "llm.path=file:~nobody-has-this-name/x"],
    ["plan", "kit.yaml", f"llm.path=file:{LONG}"],
    ["plan", "kit.yaml", "llm.path=file:/dev/zero"],
    ["plan", "kit.yaml", "llm.path=" + "[" * 9000],
    ["plan", "kit.yaml", f"lock={LONG}"],
    ["plan", "kit.yaml", "lock=/dev/zero"],
    ["plan", "kit.yaml", "lock=~nobody-has-this-name"],
    ["plan", "kit.yaml", "lock=."],
    ["plan", "kit.yaml", "plugins=[']']"],
    ["plan", "kit.yaml", "plugins=[toy,toy]", "plugins=5"],
    ["plan", "kit.yaml", "modalities.glyph.decoder.weights={a: {source: 'file:/dev/zero'}}"],
    RUN,
    [*RUN, "--text"],
    [*RUN, "--text", BYTES],
    [*RUN, "--text", "a\ud800"],
    [*RUN, "--media", ""],
    [*RUN, "--media", "="],
    [*RUN, "--media", "glyph="],
    [*RUN, "--media", "photo=one.glyph"],
    [*RUN, "--media", NOBODY],
    [*RUN, "--media", f"glyph={NOBODY}"],
    [*RUN, "--media", LONG],
    [*RUN, "--media", f"glyph={LONG}"],
    [*RUN, "--media", f"{LONG}={LONG}.glyph"],
    [*RUN, "--media", "\0"],
    [*RUN, "--media", "."],
    [*RUN, "--media", "empty.glyph"],
    [*RUN, "--media", "pipe.glyph"],
    [*RUN, "--media", "glyph=/dev/zero"],
    [*RUN, "--media", BYTES],
    [*RUN, "--text", "a", "--require", "glyph"],
    [*RUN, "--text", "a", "--require", "=1"],
    [*RUN, "--text", "a", "--require", "glyph=-1"],
    [*RUN, "--text", "a", "--require", "glyph=²"],
    [*RUN, "--text", "a", "--require", "glyph=" + "9" * 5000],
    [*RUN, "--text", "a", "--require", f"{BYTES}=1"],
    [*RUN, "--text", "a", "--require", "photo=1"],
    [*RUN, "--text", "a", "--seed", "x"],
    [*RUN, "--text", "a", "--seed", "1.5"],
    [*RUN, "--text", "a", "--seed", "9" * 5000],
    [*RUN, "--text", "a", "--out", NOBODY],
    [*RUN, "--text", "a", "--out", LONG],
    [*RUN, "--text", "a", "--out", "\0"],
    [*RUN, "--text", "a", "--require", "glyph=1", "--out", "/etc/passwd/x"],
    [*RUN, "--text", "a", "--require", "glyph=1", "--out", "one.glyph"],
    [*RUN, "--text", "a", "--require", "glyph=1", "--out", "/proc/x"],
    ["chat", "kit.yaml", "--out", NOBODY],
    ["chat", "kit.yaml", "--seed", "x"],
    *(["chat", "kit.yaml", "--load", name] for name in [*ODD_TALKS, "pipes", NOBODY, LONG, "\0"]),
    ["demo", "kit.yaml"],
    ["demo", "kit.yaml", "--script", NOBODY],
    ["demo", "kit.yaml", "--script", LONG],
    ["demo", "kit.yaml", "--script", "pipe.glyph"],
    ["demo", "kit.yaml", "--script", "/dev/zero"],
    ["demo", "kit.yaml", "--script", "."],
    ["demo", "kit.yaml", "--script", "empty.yaml"],
    ["demo", "kit.yaml", "--script", "half.yaml"],
    ["demo", "kit.yaml", "--out", LONG],
    ["eval", "kit.yaml", "--suite", ""],
    ["eval", "kit.yaml", "--suite", BYTES],
    ["eval", "kit.yaml", "--suite", "nowhere.jsonl"],
    ["eval", "kit.yaml", "--suite", "empty.jsonl"],
    ["eval", "kit.yaml", "--suite", "~nobody-has-this-name/a.jsonl"],
    ["eval", "kit.yaml", "--suite", f"{LONG}.jsonl"],
    ["eval", "kit.yaml", "--limit", "0"],
    ["eval", "kit.yaml", "--jobs", "-1"],
    ["eval", "kit.yaml", "--limit", "x"],
    ["eval", "kit.yaml", "--out", NOBODY],
    ["train", "kit.yaml"],
    ["train", "kit.yaml", "--stage", BYTES],
    ["train", "kit.yaml", "--stage", "instruct", "--steps", "-1"],
    ["train", "kit.yaml", "--stage", "instruct", "--steps", "9" * 5000],
    ["train", "kit.yaml", "--stage", "instruct", "steps=x"],
    ["train", "kit.yaml", "--stage", "instruct", "=x"],
    ["train", "kit.yaml", "--stage", "instruct", "--from", NOBODY],
    ["train", "kit.yaml", "--stage", "instruct", "--out", LONG],
    ["train", "kit.yaml", "--add", "boxes"],
    ["train", "kit.yaml", "--add", "kit.yaml", "--out", NOBODY],
    ["train", "kit.yaml", "--add", "one.glyph", "--out", "new"],
    ["ablate", "kit.yaml", "--only", BYTES],
    ["ablate", "kit.yaml", "--out", NOBODY],
    ["explain", BYTES],
    ["explain", "", "x"],
    ["explain", "../config"],
    ["plugins", "nothing"],
    ["plugins", "show"],
    ["plugins", "show", BYTES],
    ["plugins", "check", BYTES],
    ["plugins", "check", ""],
    ["plugins", "new"],
    ["plugins", "new", ""],
    ["plugins", "new", BYTES],
    ["plugins", "new", "../x"],
    ["plugins", "new", "a" * 5000],
    ["plugins", "new", "[" * 5000],
    ["plugins", "new", "smell", "--license", BYTES],
    ["schema", "more"],
    ["retrieval", "index", NOBODY, "--out", "library"],
    ["retrieval", "index", ".", "--out", NOBODY],
    ["retrieval", "search", NOBODY, "a"],
    ["boxes", "draw", NOBODY],
    ["boxes", "draw", "one.glyph"],
    ["boxes", "draw", LONG],
    ["boxes", "draw", "pipe.glyph"],
    ["depth", "errors", NOBODY],
    ["imagebind", "convert", NOBODY, "out"],
    ["imagebind", "convert", "one.glyph", NOBODY],
    ["convert", NOBODY, NOBODY],
    ["twin", NOBODY],
    ["mini", "card", NOBODY],
    ["mini", "train", "nothing"],
    ["mini", "recipe", "--only", BYTES],
]


@pytest.mark.parametrize("line", NO_LINES, ids=lambda line: ascii(" ".join(line))[:60])
def test_a_line_that_makes_no_sense_is_refused(expect: Any, nextgpt: Run, line: list[str]) -> None:
    expect.answer(lambda: nextgpt(*line), lambda found: _told(found, 2))


ODD_LINES: list[list[str]] = [
    [*RUN, "--text", "a", "--seed", "-1"],
    [*RUN, "--text", "a", "--seed", "9" * 40],
    [*RUN, "--text", "a", "--require", "glyph=0"],
    [*RUN, "--media", f"{BYTES}.glyph", "--json"],
    [*RUN, "--media", f"glyph={BYTES}.glyph"],
    [*RUN, "--text", "a", "--require", "glyph=1", "--out", f"o{BYTES}", "--json"],
    [*RUN, "--text", "a", "--require", "glyph=1", "--out", f"p{BYTES}"],
    ["plan", "kit.yaml", "weights={}"],
    ["plan", "kit.yaml", "modalities.glyph=null"],
    [],
    ["--help"],
    ["plugins", "list"],
]


@pytest.mark.parametrize("line", ODD_LINES, ids=lambda line: ascii(" ".join(line))[:60])
def test_an_odd_line_is_done(expect: Any, nextgpt: Run, line: list[str]) -> None:
    expect.answer(lambda: nextgpt(*line), lambda found: _told(found, 0))


def test_a_chat_goes_on_after_every_line_that_cannot_be_done(expect: Any, nextgpt: Run) -> None:
    odd = ["/media", f"/media {NOBODY}", f"/media {LONG}", "/media \0", "/media pipe.glyph",
           "/media /dev/zero", f"/media {BYTES}", f"/save {NOBODY}", f"/save {LONG}",
           "/save /etc/passwd/x", "/save one.glyph", f"/load {NOBODY}", f"/load {LONG}",
           *(f"/load {name}" for name in [*ODD_TALKS, "pipes"]), "/load \0", "/nothing",
           BYTES, "a\ud800", "/", "\0"]  # fmt: skip

    found = nextgpt("chat", "kit.yaml", lines=[*odd, "hello", "/quit"])

    for _ in odd:
        expect.answer(lambda: _told(found, 0))
    assert "[" not in found[2]


def test_a_fault_of_ours_is_told_without_its_traceback(
    expect: Any, nextgpt: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nextgpt_registry.cli.explain.pages", lambda: 1 / 0)

    code, _, err = nextgpt("explain")

    assert code == 1
    assert "unexpected ZeroDivisionError" in err
    assert "nextgpt --debug" in err
    assert "Traceback" not in err
    monkeypatch.setenv("NEXTGPT_DEBUG", "")  # put back afterwards, whatever --debug sets
    with pytest.raises(ZeroDivisionError):
        main(["--debug", "explain"])
    expect.answer(lambda: True)


# --- in a process of its own: what only the system can hand over ----------------------------------


def _process(
    folder: Path, *line: str | bytes, **options: Any
) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(folder / "site"), "NEXTGPT_OFFLINE": "1"}
    command = [sys.executable, "-c", "from nextgpt_registry.cli import main; main()", *line]
    environment |= options.pop("env", {})
    return subprocess.run(command, cwd=folder, env=environment, check=False, **options)


PROCESSES: dict[str, tuple[list[str | bytes], dict[str, Any], set[int]]] = {
    "bytes for a system": (["plan", b"\xff\xfe"], {}, {2}),
    "bytes for a text": ([*RUN, "--text", b"\xc3\x28"], {}, {2}),
    "bytes for a command": ([b"\xff"], {}, {2}),
    "bytes for a name, in ASCII": (["plan", b"\xff"], {"env": {"PYTHONIOENCODING": "ascii"}}, {2}),
    "another alphabet, in ASCII": (["plan", "ü"], {"env": {"PYTHONIOENCODING": "ascii"}}, {2}),
    "no language": (["plan", "kit.yaml"], {"env": {"LC_ALL": "C", "PYTHONUTF8": "0"}}, {0}),
    "no home": (["plan", "~/x"], {"env": {"HOME": ""}}, {2}),
    "a cache of nobody's": (["plan", "kit.yaml"], {"env": {"NEXTGPT_CACHE": NOBODY}}, {0, 2}),
    "a cache that is a file": (["plan", "kit.yaml"], {"env": {"NEXTGPT_CACHE": "/dev/null"}}, {0}),
}


@pytest.mark.parametrize(("line", "options", "codes"), PROCESSES.values(), ids=PROCESSES)
def test_bytes_and_surroundings_of_another_kind_are_told_plainly(
    expect: Any, folder: Path, line: list[str | bytes], options: dict[str, Any], codes: set[int]
) -> None:
    done = _process(folder, *line, capture_output=True, **options)

    assert b"Traceback" not in done.stderr
    assert b"nextgpt: unexpected" not in done.stderr
    expect.answer(lambda: done.returncode, lambda code: code in codes)


def test_a_full_disk_and_a_closed_output_leave_no_traceback(expect: Any, folder: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = _process(folder, "plan", "kit.yaml", stdout=full, stderr=subprocess.PIPE)

    assert b"No space left" in done.stderr
    assert b"Traceback" not in done.stderr
    expect.answer(lambda: done.returncode, 2)
    closed = subprocess.run(
        f"{sys.executable} -c 'from nextgpt_registry.cli import main; main()' --help >&- 2>&-",
        shell=True,
        check=False,
    )
    expect.answer(lambda: closed.returncode, 0)


# --- whatever is typed ----------------------------------------------------------------------------

WORDS = st.one_of(
    st.sampled_from(
        ["kit.yaml", "--json", "--text", "--media", "--require", "--seed", "--add", "--out", "--",
         "-", "=", "a=b", "glyph=1", "llm.path=x", "one.glyph", "glyph=one.glyph", "5", "-5", BYTES,
         LONG, NOBODY, ".", "/", "\0", "[", "null", "--help", "--stage", "--suite", "--script",
         "name=${name}", "define.x=1", "lock=.", "plugins=[]"]
    ),
    st.text(max_size=5),
)  # fmt: skip
COMMANDS = st.sampled_from(
    [["plan"], ["plan", "kit.yaml"], ["run"], ["demo"], ["explain"], ["plugins", "show"],
     ["pull"], ["eval"], ["train"], ["ablate"], ["retrieval"], ["boxes"], ["plugins"], []]
)  # fmt: skip


def _quick(line: list[str]) -> bool:
    """Leave out what is right, and then answers or examines all there is."""
    return not {"check", "doctor", "new"} & set(line)


@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(COMMANDS, st.lists(WORDS, max_size=5))
def test_any_line_is_done_or_refused(
    expect: Any, nextgpt: Run, command: list[str], words: list[str]
) -> None:
    line = [*command, *words]
    if _quick(line):
        expect.answer(lambda: nextgpt(*line), lambda found: _told(found, 0, 2))


@pytest.mark.exhaustive
@settings(
    max_examples=1000,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(COMMANDS, st.lists(WORDS, max_size=7))
def test_no_line_has_a_traceback(
    expect: Any, nextgpt: Run, command: list[str], words: list[str]
) -> None:
    line = [*command, *words]
    if _quick(line):
        expect.answer(lambda: nextgpt(*line), lambda found: _told(found, 0, 2))
