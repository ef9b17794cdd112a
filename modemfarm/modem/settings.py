"""What the configuration may say about modems, and the clock that sessions read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Wall-clock time for time stamps; waits use the event loop's time."""

    def now(self) -> datetime:
        """Aware, UTC."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class ModemSettings:
    """Settings of every modem.

    Attributes:
        ports: paths, globs or URLs (`modems.ports`).
        discover: modems on the USB are served unasked (`modems.discover`).
        ignore: paths or globs that are never opened.
        result_within_s: overrides every profile's wait for +CMGS (`modems.result_within`).
        poll_s: how often an idle modem is asked for signal, operator and registration.
        sweep_s: how often the message stores are read, whatever was announced.
        wake_within_s: how long AT is repeated until the modem answers.
        searching_s: how long a modem may look for a network before its radio is restarted.
        scan_s: how often the configured ports are looked for.
        reject_calls: hang up on whoever calls (`modems.reject_calls`); a call is kept as missed either way.
    """

    ports: tuple[str, ...] = ()
    discover: bool = False
    ignore: tuple[str, ...] = ()
    result_within_s: float | None = None
    poll_s: float = 30.0
    sweep_s: float = 240.0
    wake_within_s: float = 12.0
    searching_s: float = 300.0
    scan_s: float = 0.25
    reject_calls: bool = False
