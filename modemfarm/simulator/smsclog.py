"""The virtual network's log: one JSON object a line, on disk before the answer goes out.

Every line has the same keys; what does not apply is null:

``t``            seconds since the epoch, as a number, when the line was written
``event``        ``submit`` ``report`` ``inbound`` ``refuse`` ``fault`` ``pin`` ``call``
``modem``        the modem's number N; ``iccid`` its SIM's 19 digits
``pdu``          hex with the SMSC address in front
``to``           recipient of a submission, or whom a report is about; of an inbound line the SIM's own number
``from``         originator of an inbound line
``text``         the text of this part; ``concat`` is ``{"ref", "total", "number"}``
``mr``           TP-MR that the modem gave (submit) or that the report carries
``status``       TP-ST of a report
``ctrl_z_at``    when Ctrl-Z was read; ``accepted_at`` when the network took the message; both seconds since the epoch
``answer``       ``given`` ``lost`` ``error``: what the modem said about it
``name``         of a fault that fired, with its ``phase``; of a refusal, what was wrong; of a PIN or PUK that was
                 typed, ``right`` or ``wrong``; of a call ``ringing`` ``busy`` ``unreachable``, then ``missed``
                 ``rejected`` ``ended``
``code``         of a refusal, as the network or the modem counts it; of a PIN or PUK, the tries left
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

Field = str | int | float | None | dict[str, int]
_KEYS = (
    "t", "event", "modem", "iccid", "pdu", "to", "from", "text", "concat", "mr", "status",
    "ctrl_z_at", "accepted_at", "answer", "name", "phase", "code",
)  # fmt: skip


class SmscLog:
    """Appends lines; keeps them in memory too when it has no file."""

    def __init__(self, path: Path | None, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._fd = -1 if path is None else os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.lines: list[dict[str, Field]] = []
        self._keep = path is None

    def write(self, event: str, **fields: Field) -> None:
        """Write one line; it is in the file when this returns."""
        line: dict[str, Field] = dict.fromkeys(_KEYS)
        line.update(fields)
        line["t"], line["event"] = self._clock(), event
        if self._keep:
            self.lines.append(line)
        if self._fd >= 0:
            os.write(self._fd, json.dumps(line, ensure_ascii=False).encode() + b"\n")

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
