"""The command `nextgpt`: lists, plans, hands on to others, and ends with one clear message."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nextgpt_registry.cli import main
from nextgpt_registry.outside import IMPORT_S
from nextgpt_registry.testing.running import run_kit

Install = Callable[..., Path]
NOTHING = (
    "from nextgpt_registry import Manifest, hookimpl\n@hookimpl\ndef nextgpt_manifest():\n    "
)
NOTHING += "return Manifest(api='1.0', summary='nothing', license='MIT')\n"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of one command."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    told = capsys.readouterr()
    return int(ended.value.code or 0), told.out, told.err


@pytest.fixture
def command(install: Install) -> Install:
    """Installs a distribution with a command."""

    def write(name: str, source: str, target: str = "run") -> Path:
        points = f"[nextgpt.commands]\n{name} = nextgpt_{name}.plugin:{target}\n"
        return install(name, source, points=points)

    return write


def test_plugins_are_listed_with_what_they_declare(
    lidar: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "plugins", "list")

    lines = out.partition("lidar 0.2.0: ")[2].splitlines()
    assert [line.split() for line in lines[1:5]] == [
        ["modalities", "lidar"],
        ["encoders", "patch"],
        ["decoders", "relief"],
        ["systems", "seer"],
    ]
    assert (code, err) == (0, "")


def test_a_broken_plugin_is_listed_with_its_reason(
    lidar: Path, install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("torn", "import a_module_that_is_not_there")

    code, out, _ = run(capsys, "plugins", "list")

    assert code == 0
    assert "broken: torn: needs the module 'a_module_that_is_not_there'" in out
    assert "relief" in out


def test_plugins_are_listed_as_json(lidar: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "plugins", "list", "--json")

    (plugin,) = (p for p in json.loads(out)["plugins"] if p["name"] == "lidar")
    assert plugin["decoders"] == ["relief"]


def test_one_plugin_is_shown(lidar: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "plugins", "show", "lidar")

    assert code == 0
    assert "text 3x8" in out
    assert "CC-BY-NC-4.0" in out
    _, as_json, _ = run(capsys, "plugins", "show", "lidar", "--json")
    told = json.loads(as_json)
    assert told["manifest"]["encoders"][0]["width"] == 32
    assert told["configs"]["seer"] == {"channels": ["lidar"], "stages": [], "suites": []}
    assert "seer\n  channels: lidar\n" in out


def test_a_misspelt_plugin_is_one_message(lidar: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "plugins", "show", "lidr")

    assert (code, out) == (2, "")
    assert "did you mean 'lidar'" in err
    assert "Traceback" not in err


def test_a_plan_is_shown(lidar: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "plan", "seer", "llm.lora.r=4")

    assert code == 0
    assert "lidar.input" in out
    assert "r=4 on q_proj, v_proj" in out
    assert "stage 3" in out


def test_a_plan_is_printed_as_json_and_nothing_else(
    lidar: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "plan", "seer", "--json")

    assert json.loads(out)["system"] == "seer"
    assert (code, err) == (0, "")


def test_a_plan_that_fails_lists_its_problems(
    lidar: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "plan", "seer", "llm.dtype=int7", "modalities.lidar.encoder=x")

    assert (code, out) == (2, "")
    assert "2 problems found" in err
    assert "llm.dtype" in err
    assert "modalities.lidar.encoder.name" in err


@pytest.mark.parametrize(
    "arguments", [("pln", "seer"), ("plan",), ("plan", "seer", "--nope"), ("plan", "nothing-here")]
)
def test_wrong_input_ends_with_2(
    lidar: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    code, out, err = run(capsys, *arguments)

    assert (code, out) == (2, "")
    assert err
    assert "Traceback" not in err


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_help_lists_commands_without_importing_them(
    command: Install, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    command(
        "sing", "raise RuntimeError('imported')\ndef run():\n    '''Sing a song.\n\n    More.'''"
    )
    command("hum", "import typer\nrun = typer.Typer(help='Hum a tune.')\n1 / 0\n")
    command("lost", "", target="nowhere")

    code, out, _ = run(capsys, *arguments)

    assert code == 0
    assert "Sing a song." in out
    assert "Hum a tune." in out
    assert "More." not in out
    assert "nextgpt_sing.plugin" not in sys.modules


def test_a_function_is_a_command(command: Install, capsys: pytest.CaptureFixture[str]) -> None:
    command("sing", "def run(song: str, loud: bool = False):\n    print(song.upper(), loud)\n")

    assert run(capsys, "sing", "la", "--loud")[1] == "LA True\n"
    assert "nextgpt sing" in run(capsys, "sing", "--help")[1]


def test_a_typer_app_is_a_command(command: Install, capsys: pytest.CaptureFixture[str]) -> None:
    source = (
        "import typer\nrun = typer.Typer()\n"
        "@run.command()\ndef high(): print('high')\n@run.command()\ndef low(): print('low')\n"
    )
    command("sing", source)

    assert run(capsys, "sing", "low")[1] == "low\n"


def test_a_broken_command_names_its_distribution_and_breaks_no_other(
    command: Install, lidar: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command("sing", "import a_module_that_is_not_there")

    code, _, err = run(capsys, "sing")

    assert code == 2
    assert "nextgpt-sing" in err
    assert "a_module_that_is_not_there" in err
    assert run(capsys, "plugins", "list")[0] == 0


def test_own_commands_cannot_be_replaced(
    command: Install, lidar: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command("plan", "def run(): print('stolen')")

    assert "stolen" not in run(capsys, "plan", "seer")[1]


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("raise KeyboardInterrupt", 130),
        ("from nextgpt_registry import Cancelled; raise Cancelled", 130),
        ("from nextgpt_registry import MediaError; raise MediaError('a.png', 'is torn')", 2),
        ("import typer; raise typer.Exit(3)", 3),
        ("import nowhere_at_all", 2),
        ("return", 0),
    ],
)
def test_exit_codes(
    command: Install, capsys: pytest.CaptureFixture[str], source: str, code: int
) -> None:
    command("sing", f"def run():\n    {source}\n")

    found, _, err = run(capsys, "sing")

    assert found == code
    assert "Traceback" not in err


def interrupted(site: Path, command: str) -> tuple[int, str]:
    """What comes of a command that gets a Ctrl-C once it has printed a line: code and stderr."""
    start = (  # a shell's background job has Ctrl-C ignored, and its children inherit that
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"from nextgpt_registry.cli import main; main([{command!r}])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", start],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(site), *sys.path])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        running.stdout.readline()

        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
    return running.returncode, err


def test_ctrl_c_ends_with_130(command: Install, site: Path) -> None:
    command("nap", "import time\ndef run():\n    print('now', flush=True)\n    time.sleep(60)\n")

    assert interrupted(site, "nap") == (130, "nextgpt: interrupted\n")


def test_ctrl_c_ends_with_130_whatever_a_library_makes_of_it_while_imported(
    command: Install, site: Path
) -> None:
    command("nap", "def run():\n    import slow\n")
    (site / "slow.py").write_text(
        "import time\n"
        "try:\n"
        "    print('now', flush=True)\n"
        "    time.sleep(60)\n"
        "except BaseException:\n"
        "    raise ImportError('torn') from None\n"
    )

    assert interrupted(site, "nap") == (130, "nextgpt: interrupted\n")


def test_checking_a_plugin_can_be_interrupted(lidar: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nextgpt_registry.testing.PluginTests.test_manifest_is_pure", _ctrl_c)

    with pytest.raises(KeyboardInterrupt):
        run_kit("lidar", only="manifest_is_pure")


def test_the_doctor_tells_what_is_wrong(
    lidar: Path, install: Install, command: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    (lidar / "live.py").unlink()
    install("torn", "1 / 0")
    command("lost", "", target="run")
    (lidar.parent / "nextgpt_lost" / "plugin.py").unlink()

    code, out, _ = run(capsys, "plugins", "doctor", "--json")

    report = json.loads(out)
    told = "\n".join(report["problems"])
    assert code == 1
    assert "torn: ZeroDivisionError" in told
    assert "patch: there is no module nextgpt_lidar.live" in told
    assert "command lost" in told
    assert report["plugins"]["lidar"]["import_s"] >= 0
    assert "lidar" in report["hooks"]["nextgpt_manifest"]


BURN = """
import time
until = time.process_time() + 0.2
while time.process_time() < until: ...
"""


def test_the_doctor_measures_each_import_from_cold(
    install: Install, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    install("first", "import nextgpt_first.slow, numpy\n" + NOTHING, files={"slow.py": BURN})
    install("second", "import nextgpt_first.slow, numpy\n" + NOTHING)
    install("quick", NOTHING)
    install("shy", "import sys\nsys.modules['pytest']\n" + NOTHING)
    monkeypatch.setattr("nextgpt_registry.cli.doctor._torch", lambda: ("not asked", True))

    _, out, _ = run(capsys, "plugins", "doctor", "--json")

    report = json.loads(out)
    seconds = {name: told["import_s"] for name, told in report["plugins"].items()}
    assert min(seconds["first"], seconds["second"]) >= 0.2
    assert seconds["quick"] < IMPORT_S
    assert "second: its declaration imports numpy" in report["problems"]
    assert "shy: its declaration cannot be imported alone: " in "\n".join(report["problems"])
    assert [note.partition(":")[0] for note in report["notes"]] == ["first", "second"]


def test_the_doctor_works_where_torch_is_broken(
    lidar: Path, site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (site / "torch").mkdir()
    (site / "torch" / "__init__.py").write_text("raise OSError('libtorch.so: not found')")
    info = site / "torch-9.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 9.9\n")
    monkeypatch.setenv("PYTHONPATH", str(site))

    _, out, _ = run(capsys, "plugins", "doctor")

    assert "broken: OSError: libtorch.so: not found" in out
    assert "lidar" in out


def _ctrl_c(*_: object) -> None:
    raise KeyboardInterrupt


def test_where_an_error_comes_from_is_shown_when_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXTGPT_DEBUG", "")  # put back afterwards

    with pytest.raises(SystemExit) as ended:
        main(["--debug", "frobnicate"])

    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert "Traceback" in told
    assert "nextgpt: 'frobnicate': is no command" in told


def test_without_the_core_its_commands_say_what_brings_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nextgpt_registry.cli.dispatch.commands", lambda: {"plan": None})
    monkeypatch.setattr("nextgpt_registry.cli.dispatch.find_spec", lambda name: None)

    with pytest.raises(SystemExit):
        main(["run", "mini"])

    assert "pip install nextgpt-core" in capsys.readouterr().err
