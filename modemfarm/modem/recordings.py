"""Recordings as files: `state_dir/recordings/<modem>-<time>.jsonl`, few and small, for the owner's eyes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from modemfarm.modem.recorder import FORMAT, VERSION, Recording

log = logging.getLogger(__name__)

FOLDER = "recordings"
OF_ONE_MODEM = 16
OF_ALL = 256
LARGEST_OCTETS = 1 << 20
ALL_OCTETS = 64 << 20

_LOOK_EVERY_S = 3600.0
_WAITING = 64  # recordings not yet written; a farm whose modems all fail at once loses the oldest
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9@._-]+")


class RecordingError(ValueError):
    """A file is no recording, or none of a version that is known here; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A recording on disk, by its first line."""

    name: str
    modem: str
    path: str
    at: str
    fault: str | None


class RecordingFolder:
    """Writes recordings, and removes old ones."""

    def __init__(
        self, state_dir: Path, now: Callable[[], datetime] | None = None, keep: timedelta | None = None
    ) -> None:
        """Prepare.

        Args:
            keep: how long; None: until others need the room.
        """
        self._folder = state_dir / FOLDER
        self._now, self._keep = now or (lambda: datetime.now(UTC)), keep
        self._waiting: deque[Recording] = deque(maxlen=_WAITING)
        self._came = asyncio.Event()

    def put(self, recording: Recording) -> None:
        """Take one to be written; returns at once."""
        self._waiting.append(recording)
        self._came.set()

    async def run(self) -> None:
        """Write what comes, off the loop, until cancelled."""
        while True:
            await asyncio.to_thread(self.forget_old)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await self._came.wait()
            self._came.clear()
            while self._waiting:
                await asyncio.to_thread(self.write, self._waiting.popleft())

    def forget_old(self) -> None:
        """Remove what is kept no longer, by the time in its name."""
        if self._keep is None:
            return
        before = (self._now() - self._keep).astimezone(UTC)
        try:
            for file in self._folder.glob("*.jsonl"):
                if f"20{_time(file)}" < f"{before:%Y%m%dT%H%M%S}":
                    file.unlink(missing_ok=True)
        except OSError as error:
            log.warning("old recordings stay: %s", error)

    def flush(self) -> None:
        """Write what still waits: the daemon stops."""
        while self._waiting:
            self.write(self._waiting.popleft())

    def write(self, recording: Recording) -> str | None:
        """Write one file, readable by the owner only; its name, or None when the disk says no."""
        stem = f"{file_name(recording.modem)}-{recording.at:%Y%m%dT%H%M%S}{recording.at.microsecond // 1000:03}Z"
        text = encode(recording.lines())
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            for again in range(100):
                name = f"{stem}{f'_{again}' if again else ''}.jsonl"
                try:
                    handle = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                except FileExistsError:
                    continue
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(text)
                break
            else:
                return None
            prune(self._folder)
        except OSError as error:
            log.warning("%s: its recording could not be written: %s", recording.path, error)
            return None
        log.info("%s: %s recorded in %s", recording.path, recording.fault, name)
        return name


def file_name(modem: str) -> str:
    """A modem's name as a file's may be."""
    return _NOT_IN_NAMES.sub("_", modem).lstrip(".") or "modem"


def encode(lines: Iterable[dict[str, Any]], most: int = LARGEST_OCTETS) -> str:
    """A JSON object a line; where it grew too large, the oldest traffic is left out and the head says so."""
    head, *rest = (json.dumps(line, ensure_ascii=True, separators=(",", ":")) for line in lines)
    room = most - len(head) - 16
    kept: deque[str] = deque()
    for text in reversed(rest):
        room -= len(text) + 1
        if room < 0:
            head = head.replace('"cut":false', '"cut":true')
            break
        kept.appendleft(text)
    return "".join(f"{text}\n" for text in (head, *kept))


def prune(folder: Path) -> None:
    """Remove the oldest recordings over the limits of one modem, of all, and of space."""
    files = sorted(folder.glob("*.jsonl"), key=_time, reverse=True)
    of_one: dict[str, int] = {}
    octets = 0
    for count, file in enumerate(files):
        modem = file.name.rpartition("-20")[0]
        of_one[modem] = of_one.get(modem, 0) + 1
        octets += file.stat().st_size
        if of_one[modem] > OF_ONE_MODEM or count >= OF_ALL or octets > ALL_OCTETS:
            file.unlink(missing_ok=True)


def kept(state_dir: Path, modem: str, path: str, limit: int = OF_ONE_MODEM) -> list[Kept]:
    """A modem's recordings on disk, newest first; those of its port before its IMEI was known too."""
    found = []
    for file in sorted((state_dir / FOLDER).glob("*.jsonl"), key=_time, reverse=True):
        try:
            with file.open(encoding="utf-8") as lines:
                head = _head(lines.readline(), file.name)
        except (OSError, RecordingError):
            continue
        if head["modem"] == modem or head["path"] == path:
            found.append(Kept(file.name, head["modem"], head["path"], head["at"], head["fault"]))
        if len(found) == limit:
            break
    return found


def read(text: str, name: str = "recording") -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The head and the pieces of a recording.

    Raises:
        RecordingError: it is none.
    """
    first, *rest = text.splitlines() or [""]
    head = _head(first, name)
    pieces = []
    for number, line in enumerate(rest, 2):
        try:
            piece = json.loads(line)
            good = piece["dir"] in {"state", "mark"} or isinstance(piece["data"], str)
            float(piece["s"])
        except (ValueError, KeyError, TypeError) as error:
            raise RecordingError(f"{name}: line {number} is no piece of a recording") from error
        if good:
            pieces.append(piece)
    return head, pieces


def _head(line: str, name: str) -> dict[str, Any]:
    try:
        head = json.loads(line)
    except ValueError:
        head = None
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise RecordingError(f"{name} is no recording of modemfarm")
    if head.get("version") != VERSION:
        raise RecordingError(f"{name} is a recording of version {head.get('version')}; this program reads {VERSION}")
    return head


def _time(file: Path) -> str:
    return file.stem.rpartition("-20")[2]
