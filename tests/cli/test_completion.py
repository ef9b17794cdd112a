"""Shells complete commands and options, asked as the shell asks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from modemfarm.cli.completion import SHELLS
from modemfarm.cli.main import run
from tests.needs import require

COMMAND = Path(sys.executable).with_name("modemfarm")


def test_bash_completes_commands_options_and_choices(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bash = require("bash", "it completes commands at the Tab key")
    assert run(["completion", "bash"]) == 0
    (tmp_path / "modemfarm.bash").write_text(capsys.readouterr().out, encoding="utf-8")
    typed = {"modemfarm mess": "messages", "modemfarm messages ca": "cancel", "modemfarm send --val": "--valid-for"}
    typed |= {"modemfarm pause --class m": "marketing"}
    for line, expected in typed.items():
        words = line.split(" ")
        script = (
            f"source modemfarm.bash; COMP_WORDS=({' '.join(words[:-1])} '{words[-1]}'); COMP_CWORD={len(words) - 1}; "
            '_modemfarm_completion modemfarm; echo "${COMPREPLY[*]}"'
        )
        environ = {**os.environ, "PATH": f"{COMMAND.parent}:{os.environ['PATH']}"}
        ran = subprocess.run(
            [bash, "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True, check=True
        )
        assert expected in ran.stdout.split(), (line, ran.stdout, ran.stderr)


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_its_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    assert "_MODEMFARM_COMPLETE" in capsys.readouterr().out


def test_another_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", "cmd"]) == 2
    assert "'cmd' is not one of" in capsys.readouterr().err
