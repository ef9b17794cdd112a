"""Which programs have a device open, as far as this user may see it."""

from __future__ import annotations

import os
from pathlib import Path


def holders(path: str, proc: Path = Path("/proc")) -> list[str]:
    """``name (process 512)`` of every other program that has the device open; other users' need root to be seen."""
    try:
        wanted = os.stat(path).st_rdev  # noqa: PTH116 # a device node's stat does not wait
    except OSError:
        return []
    found = []
    for folder in proc.glob("[0-9]*"):
        if folder.name != str(os.getpid()) and _holds(folder / "fd", wanted):
            try:
                name = (folder / "comm").read_text(encoding="utf-8", errors="replace").strip()
            except OSError:
                continue
            found.append(f"{name} (process {folder.name})")
    return sorted(found)


def _holds(folder: Path, wanted: int) -> bool:
    try:
        names = os.listdir(folder)  # noqa: PTH208 # names, not paths
    except OSError:
        return False
    for name in names:
        try:
            if os.readlink(folder / name).startswith("/dev/") and (folder / name).stat().st_rdev == wanted:  # noqa: PTH115
                return True
        except OSError:
            continue
    return False
