"""A database's file on a disk that may take no writes."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

COMPANIONS = ("-wal", "-shm")  # what SQLite keeps beside a file in WAL mode while somebody has it open


def is_read_only(path: Path | str) -> bool:
    """Whether a file, or where it would lie, is on a file system that takes no writes."""
    here = Path(path)
    try:
        return bool(os.statvfs(here if here.exists() else here.parent).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def open_to_read(file: Path) -> sqlite3.Connection:
    """A connection that writes nothing, and leaves no files behind."""
    uri = f"{file.absolute().as_uri()}?mode=ro"
    closed = not any(Path(f"{file}{end}").exists() for end in COMPANIONS)
    # Even a reader makes companions in WAL mode; where nobody can, nobody changes a file that was closed in order.
    uri += "&immutable=1" if closed and is_read_only(file) else ""
    return sqlite3.connect(uri, uri=True, check_same_thread=False)
