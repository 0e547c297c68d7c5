"""What a shell is told on Tab: the protocols of bash, zsh, fish and PowerShell, in a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nextgpt_registry.cli import main

ASK = """
import sys
from nextgpt_registry.cli import main
try:
    main([])
finally:
    heavy = sorted({"torch", "numpy", "transformers"} & set(sys.modules))
    print("heavy:", *heavy, file=sys.stderr)
"""


def asked(line: str, *, shell: str = "bash", cwd: Path | None = None) -> list[str]:
    """What could stand at the end of a line, one item a line as the shell gets them."""
    words = line.split(" ")
    told = {
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_WORD_TO_COMPLETE": words[-1],
        "_NEXTGPT_COMPLETE": f"complete_{shell}",
    }
    ended = subprocess.run(
        [sys.executable, "-c", ASK],
        env={**os.environ, **told}, cwd=cwd, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert ended.stderr == "heavy:\n"
    return ended.stdout.splitlines()


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("nextgpt pl", ["plan", "plugins"]),
        ("nextgpt --de", ["--debug"]),
        ("nextgpt --debug pla", ["plan"]),
        ("nextgpt plan --me", ["--meta"]),
        ("nextgpt plan mini --add de", ["depth"]),
        ("nextgpt train mini --ste", ["--steps"]),
        ("nextgpt plugins sh", ["show"]),
        ("nextgpt plugins show mi", ["mini"]),
        ("nextgpt run mi", ["mini", "mi/", "mix.yaml"]),
        ("nextgpt run mi/", ["mi/own.yml"]),
        ("nextgpt run ./m", ["./mi/", "./mix.yaml"]),
        ("nextgpt run mini --out ", []),  # any path: the shell's own
    ],
)
def test_a_line_is_completed_without_torch(line: str, found: list[str], tmp_path: Path) -> None:
    (tmp_path / "mi" / ".hidden").mkdir(parents=True)
    for name in ("mix.yaml", "mix.txt", "mi/own.yml"):
        (tmp_path / name).touch()

    told = [item for item in asked(line, cwd=tmp_path) if item]

    assert told == found


@pytest.mark.parametrize(
    ("shell", "found"),
    [
        ("zsh", '"plan":"Check a system'),
        ("fish", "plan\tCheck a system"),
        ("powershell", "plan:::Check a system"),
    ],
)
def test_other_shells_are_told_what_a_command_does(shell: str, found: str) -> None:
    assert found in "\n".join(asked("nextgpt pla", shell=shell))


SCRIPTS = {
    "bash": "complete -o default -F _nextgpt_completion nextgpt",
    "zsh": "#compdef nextgpt",
    "fish": "complete --command nextgpt",
    "powershell": "Register-ArgumentCompleter -Native -CommandName nextgpt",
    "pwsh": "Register-ArgumentCompleter -Native -CommandName nextgpt",
}


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_script_for_a_shell_is_shown(shell: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--show-completion", shell])

    assert ended.value.code == 0
    assert SCRIPTS[shell] in capfd.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])  # PowerShell says itself where
def test_completion_is_installed_for_a_shell(
    shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    with pytest.raises(SystemExit) as ended:
        main(["--install-completion", shell])

    assert ended.value.code == 0
    written = [path.read_text("utf-8") for path in tmp_path.rglob("*nextgpt*") if path.is_file()]
    assert [text for text in written if SCRIPTS[shell] in text]


def test_a_shell_that_nobody_knows_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--install-completion", "cmd"])

    assert ended.value.code == 2
    assert "known: bash, zsh, fish, powershell, pwsh" in capfd.readouterr().err
