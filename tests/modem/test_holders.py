"""Whoever holds a port is named."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

from modemfarm.modem.holders import holders


def test_a_program_that_has_the_port_open_is_named_and_we_are_not() -> None:
    master, slave = pty.openpty()
    path = os.ttyname(slave)
    try:
        assert holders(path) == []
        script = f"import sys; port = open({path!r}); print('open', flush=True); sys.stdin.read()"
        with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == b"open\n"
            (found,) = holders(path)
            assert found.endswith(f"(process {other.pid})")
    finally:
        os.close(master)
        os.close(slave)


def test_a_port_that_is_not_there_is_held_by_nobody(tmp_path: Path) -> None:
    assert holders(str(tmp_path / "ttyUSB0")) == []
