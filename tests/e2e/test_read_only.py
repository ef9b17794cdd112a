"""A disk that is mounted read-only: real processes say so by name, and nothing that was taken in is lost."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.farm import PROGRAM, Finished, RealFarm, run_cli
from tests.needs import missing, require
from tests.patience import PATIENT_S

_MOUNT = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'
_WHY = "a disk that is really read-only wants the right to mount, in a namespace of its own"
_CRASH = (
    "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1]);"
    " c.execute(\"INSERT INTO farm (key, value) VALUES ('crash', '1')\"); c.commit(); os._exit(0)"
)


def beneath(folder: Path) -> list[str]:
    """Words before a command's own, which then finds the folder on a read-only mount; nobody else does."""
    require("mount", _WHY)
    words = [require("unshare", _WHY), "-m" if os.geteuid() == 0 else "-rm", "sh", "-c", _MOUNT, "sh", str(folder)]
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        missing("the right to mount", _WHY)
    return words


def run_beneath(words: list[str], *command: str) -> Finished:
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    return Finished(
        subprocess.run(
            [*words, *PROGRAM, *command],
            capture_output=True,
            text=True,
            timeout=PATIENT_S,
            check=False,
            env=environment,
        )
    )


@pytest.mark.parametrize(
    "killed",
    [pytest.param(False, id="closed-in-order"), pytest.param(True, id="left-by-a-kill", marks=pytest.mark.slow)],
)
def test_what_finds_its_disk_read_only_reads_and_says_that_it_cannot_write(tmp_path: Path, killed: bool) -> None:
    farm = RealFarm(tmp_path, modems=1)
    config, file = ("-c", str(farm.config)), farm.state_dir / "modemfarm.db"
    words = beneath(tmp_path)
    taken = run_cli(*config, "send", "+491701234567", "--text", "before")
    assert taken.code == 0, taken
    if killed:
        subprocess.run([*PROGRAM[:1], "-c", _CRASH, str(file)], check=True)
        assert Path(f"{file}-wal").stat().st_size
    for command in (("run",), ("send", "+491701234567", "--text", "not now"), ("db", "backup"), ("page",)):
        refused = run_beneath(words, *config, *command)
        assert refused.code == 5, (command, refused)
        assert "read-only" in refused.err.lower(), (command, refused)
        assert str(farm.state_dir) in refused.err, (command, refused)
        assert "Traceback" not in refused.err, (command, refused)
        assert not refused.out, (command, refused)
    for command in (
        ("messages", "list"),
        ("explain", "1"),
        ("messages", "show", "1"),
        ("inbox", "list"),
        ("db", "check"),
    ):
        read = run_beneath(words, *config, *command)
        assert (read.code, read.err) == (0, ""), (command, read)
    elsewhere = tmp_path.with_name(f"{tmp_path.name}-copy.db")
    copied = run_beneath(words, *config, "db", "backup", str(elsewhere))
    assert copied.code == 0, copied
    assert elsewhere.exists()
    listed = run_cli(*config, "messages", "list", "--json")
    assert [row["text"] for row in json.loads(listed.out)["data"]] == ["before"]
    assert run_cli(*config, "db", "check").code == 0
