"""Virtual modems beside a daemon: `run --simulate N` and the demo."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from modemfarm.errors import ModemfarmError


class SimulatorProcess:
    """A simulator in a process of its own, so that the daemon may die without it."""

    def __init__(self, folder: Path, modems: int, *options: str) -> None:
        """Start it and wait until its ports are there.

        Raises:
            ModemfarmError: it ended at once.
        """
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable,
            "-m",
            "modemfarm",
            "simulate",
            "--modems",
            str(modems),
            "--dir",
            str(folder),
            *options,
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 # our own program
        assert self._process.stdout is not None
        try:
            self.ready = self._process.stdout.readline().strip()
        except BaseException:  # a signal while it starts must not leave it behind
            self.stop()
            raise
        if not self.ready:
            raise ModemfarmError(f"the simulator did not start (exit code {self._process.wait()})")

    def stop(self) -> None:
        """End it and wait for it."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
