"""The state directory belongs to one daemon at a time, and a demo's folder to one demo."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from modemfarm.errors import StoreError


class StateLock:
    """Holds `state_dir/daemon.lock`, or that of another `holder`, until the process ends, however it ends."""

    def __init__(self, state_dir: Path, holder: str = "daemon") -> None:
        """Take the lock.

        Raises:
            StoreError: another one has it, or the directory cannot be written.
        """
        path = state_dir / f"{holder}.lock"
        try:
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"cannot use {path}: {error.strerror}") from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            pid = os.read(self._handle, 32).decode("ascii", "replace").strip()
            os.close(self._handle)
            raise StoreError(f"a {holder} is running already on {state_dir} (process {pid or 'unknown'})") from error
        os.ftruncate(self._handle, 0)
        os.write(self._handle, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Give the directory up."""
        os.close(self._handle)
