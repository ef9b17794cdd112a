"""How the daemon writes its log: lines for people, or a JSON object a line for a program that collects them."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Literal

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["text", "json"]

_OURS = logging.getLogger("modemfarm")


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
        return json.dumps(line, ensure_ascii=False)


def start(shape: Format, level: Level) -> None:
    """Write to standard error from now on.

    Args:
        level: of modemfarm's own rooms. Libraries say no more at ``debug``: what they write then may hold texts.
    """
    handler = logging.StreamHandler()
    if shape == "json":
        handler.setFormatter(JsonLines())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    _OURS.setLevel(level.upper())
