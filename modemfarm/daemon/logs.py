"""How the daemon writes its log: lines for people, or a JSON object a line for a program that collects them."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from datetime import UTC, datetime
from typing import Literal, cast

from modemfarm.model import mask

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["text", "json"]

_OURS = logging.getLogger("modemfarm")


_NUMBER = re.compile(r"(?<!\w)(?:\+|%2[Bb])\d{8,15}(?!\d)")


def masked(line: str) -> str:
    """A line without whole numbers, should an error's own words have brought one here."""
    return _NUMBER.sub(lambda found: mask(found[0].replace("%2B", "+").replace("%2b", "+")), line)


class Lines(logging.Formatter):
    """For people."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


class JsonLines(logging.Formatter):
    """``{"t", "level", "room", "message"}`` and, where there is one, ``"error"`` with its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "t": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "room": record.name.removeprefix("modemfarm."),
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return masked(json.dumps(line, ensure_ascii=False))


class JournalLines(Lines):
    """``<6>room: message``: systemd's journal puts the time before it and reads the level (sd-daemon(3))."""

    _LEVELS = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.NOTSET, 7))

    def format(self, record: logging.LogRecord) -> str:
        level = next(number for least, number in self._LEVELS if record.levelno >= least)
        lines = super().format(record).splitlines()
        return "\n".join(f"<{level}>{line}" for line in lines)


def _to_journal() -> bool:
    """Whether standard error is the journal's own stream (``JOURNAL_STREAM``, systemd.exec(5))."""
    try:
        at = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{at.st_dev}:{at.st_ino}"


def level() -> Level:
    """What modemfarm's own rooms write, for another process that shall write the same."""
    return cast(Level, logging.getLevelName(_OURS.getEffectiveLevel()).lower())


def start(shape: Format, level: Level) -> None:
    """Write to standard error from now on.

    Args:
        level: of modemfarm's own rooms. Libraries say no more at ``debug``: what they write then may hold texts.
    """
    handler = logging.StreamHandler()
    if shape == "json":
        handler.setFormatter(JsonLines())
    elif _to_journal():
        handler.setFormatter(JournalLines("%(name)s: %(message)s"))
    else:
        handler.setFormatter(Lines("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    _OURS.setLevel(level.upper())
