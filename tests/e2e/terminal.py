"""A person at a terminal: a small shell on a pty that runs `modemfarm` in processes of its own, and what it shows."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.docs import code
from tests.patience import PATIENT_S

WITHIN_S = 90.0
# one start of Python serves all commands of a walk; each has its own process all the same
_SHELL = """
import os, shlex, sys
from modemfarm.cli import consent, init, main, policy, send
while True:
    words = shlex.split(input("$ "))
    child = os.fork()
    if not child:
        sys.argv = words
        main.main()
        os._exit(0)
    print(f"[{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}]", flush=True)
"""


class Terminal:
    """A shell in a folder, in a language.

    Attributes:
        seen: all that the terminal showed so far, what was typed included.
    """

    def __init__(self, folder: Path, locale: str, zone: str) -> None:
        self.seen = ""
        self._read = ""
        master, slave = pty.openpty()
        self._master = master
        environ = {"PATH": os.environ["PATH"], "LC_ALL": locale, "TZ": zone, "HOME": str(folder), "PYTHONUTF8": "1"}
        self._shell = subprocess.Popen(
            [sys.executable, "-c", _SHELL],
            cwd=folder,
            env=environ | {"PYTHONPATH": str(code.ROOT)},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.until(r"^\$ $")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shell.kill()
        self._shell.wait(PATIENT_S)
        os.close(self._master)

    def until(self, prompt: str) -> str:
        """What the terminal shows until its last line matches."""
        end = time.monotonic() + WITHIN_S
        while not re.search(prompt, self._read.rpartition("\n")[2]):
            ready, _, _ = select.select([self._master], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"no {prompt!r} within {WITHIN_S:g} s: {self._read}"
            octets = os.read(self._master, 65536)
            while octets[-1] >= 0x80 and select.select([self._master], [], [], 0.05)[0]:
                octets += os.read(self._master, 65536)
            self._read += octets.decode().replace("\r\n", "\n")
        shown, self._read = self._read, ""
        self.seen += shown
        return shown

    def type(self, text: str, *answers: str) -> tuple[int, str]:
        """Run a command and answer its questions: exit code, and what it showed."""
        shown = ""
        for answer in (text, *answers):
            os.write(self._master, f"{answer}\n".encode())
            shown += self.until(r"(\]: |^\$ )$")
        found = re.search(r"^\[(\d+)\]\n\$ $", shown, re.MULTILINE)
        assert found, f"it asks on: {shown}"
        return int(found[1]), shown
