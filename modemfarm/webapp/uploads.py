"""Files that people brought to the page: kept in the state directory, few, small and not for long."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

MOST_OCTETS = 8 * 1024 * 1024  # of one file: some 80,000 rows; a larger one goes by the command line or the API
MOST_FILES = 20  # the oldest goes when another comes
LIVES = timedelta(hours=48)
FOLDER = "uploads"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}|batch-[0-9]{1,18}")
_SUFFIX = ".upload"
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Upload:
    """One kept file.

    Attributes:
        name: what its owner calls it; never a path.
        about: what was asked with it.
    """

    name: str
    at: datetime
    octets: bytes
    about: Mapping[str, Any] = field(default_factory=dict)


class Uploads:
    """The folder. Nothing in it is needed again once its messages are in the queue."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / FOLDER

    def keep(self, name: str, octets: bytes, now: datetime) -> str:
        """Keep a file; the token that names it from now on.

        Raises:
            OSError: the disk does not take it.
        """
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._sweep(now)
        token = secrets.token_urlsafe(16)
        self._write(token, Upload(_plain(name), now, octets))
        return token

    def read(self, token: str, now: datetime) -> Upload | None:
        """A kept file; None when it is not there any more, or never was."""
        if not _TOKEN.fullmatch(token):
            return None
        try:
            head, _, octets = self._path(token).read_bytes().partition(b"\n")
        except OSError:
            return None
        told = json.loads(head)
        upload = Upload(told["name"], datetime.fromisoformat(told["at"]), octets, told["about"])
        return upload if now - upload.at <= LIVES else None

    def of_batch(self, batch_id: int) -> str:
        """The token of the file that became a batch."""
        return f"batch-{batch_id}"

    def sent_as(self, token: str, batch_id: int, about: Mapping[str, Any], now: datetime) -> None:
        """The file becomes that batch's, with what was asked for it: another press of the button finds it gone."""
        upload = self.read(token, now)
        if upload is not None:
            self._write(self.of_batch(batch_id), Upload(upload.name, now, upload.octets, about))
            self._path(token).unlink(missing_ok=True)

    def forget(self, token: str) -> None:
        """Its owner does not want to send it."""
        if _TOKEN.fullmatch(token):
            self._path(token).unlink(missing_ok=True)

    def _path(self, token: str) -> Path:
        return self._folder / f"{token}{_SUFFIX}"

    def _write(self, token: str, upload: Upload) -> None:
        head = json.dumps({"name": upload.name, "at": upload.at.isoformat(), "about": dict(upload.about)})
        target = self._path(token)
        half = target.with_suffix(".half")  # a file half written is never read
        handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as out:
            out.write(head.encode() + b"\n")
            out.write(upload.octets)
        half.replace(target)

    def _sweep(self, now: datetime) -> None:
        """Make room: what is too old goes, then the oldest of too many."""
        kept: list[tuple[datetime, Path]] = []
        for path in self._folder.iterdir():
            at = _made(path)
            if at is None or now - at > LIVES:
                with contextlib.suppress(OSError):
                    path.unlink()
            else:
                kept.append((at, path))
        for _, path in sorted(kept)[: max(0, len(kept) - MOST_FILES + 1)]:
            path.unlink(missing_ok=True)


def _made(path: Path) -> datetime | None:
    """When a file came; None: it is none of ours, or was cut off."""
    if path.suffix != _SUFFIX:
        return None
    try:
        with path.open("rb") as file:
            return datetime.fromisoformat(json.loads(file.readline())["at"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _plain(name: str) -> str:
    """A file's name as it may be shown: no folders, no control characters."""
    last = re.split(r"[/\\]", name)[-1]
    return "".join(sign for sign in last if sign.isprintable())[:_LONGEST_NAME] or "file"
