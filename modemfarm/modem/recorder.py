"""A modem's flight recorder: the last minutes on its port, in memory, told in full when something goes wrong.

PINs are hidden before an octet is kept; numbers and texts when a recording is made (see `masking`).
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol

from modemfarm.modem.journal import ModemStatus
from modemfarm.modem.masking import ends_command, has_secret, hide_echo, hide_secrets, mask_stream, pdu_facts
from modemfarm.modem.settings import Clock

if TYPE_CHECKING:
    from modemfarm.modem.port import Port  # commands that only read recordings do without the serial libraries

FORMAT, VERSION = "modemfarm-recording", 1
KEEP_S = 600.0
KEEP_OCTETS = 96 * 1024  # with what keeping a piece costs: a modem's share of memory, whatever it says
# Sentences that tell of a fault: entering one of them makes a recording.
FAULTS = frozenset({
    "resyncing", "repairing_reinit", "repairing_radio", "repairing_reset", "repairing_reopen", "resets_used_up",
    "restarted", "settings_lost", "sim_changed", "sim_absent", "sim_failure", "pin_wrong", "puk_wanted", "sim_locked",
    "sim_parked", "no_network", "registration_denied", "gone", "failed_inside",
})  # fmt: skip

_PIECE_OCTETS = 160  # what the memory of a piece costs beside its octets, measured
_JOIN_S = 0.05  # pieces of one direction that follow each other so closely are kept as one
_JOIN_OCTETS = 512
_ECHO_S = 120.0  # a PIN's echo may come so late, from a modem that hung
_LINE_LIMIT = 4096
_AGAIN_S = 60.0  # the same fault is recorded once in this time: a flapping modem says the same each time
_HEX_LINE = re.compile(rb"[0-9A-Fa-f]{28,}")
_BREAK = re.compile(rb"[\r\n]")

Direction = Literal["in", "out", "state", "mark"]


@dataclass(slots=True)
class Piece:
    """Something kept: octets of one direction, or facts. It grows only until a recording has it.

    Attributes:
        at: loop time.
    """

    at: float
    direction: Direction
    data: bytes = b""
    facts: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """What was kept, at one moment; rendering it takes time and may be done in another thread.

    Attributes:
        cut: older traffic was dropped.
        fault: the sentence's slug, or None when a person asked.
        now_s: loop time of `at`.
    """

    path: str
    modem: str
    at: datetime
    now_s: float
    pieces: tuple[Piece, ...]
    cut: bool
    fault: str | None
    before: ModemStatus | None
    after: ModemStatus

    def head(self) -> dict[str, Any]:
        """The first line: what the recording is of."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "modem": self.modem,
            "path": self.path,
            "family": self.after.family,
            "manufacturer": self.after.manufacturer,
            "model": self.after.model,
            "firmware": self.after.firmware,
            "at": _moment(self.at),
            "fault": self.fault,
            "before": None if self.before is None else _state(self.before),
            "after": _state(self.after),
            "cut": self.cut,
        }

    def lines(self) -> list[dict[str, Any]]:
        """Head and pieces, masked, as JSON objects in order."""
        masked = {way: self._masked(way) for way in ("in", "out")}
        told = [self.head()]
        start = self.pieces[0].at if self.pieces else self.now_s
        for piece in self.pieces:
            line: dict[str, Any] = {
                "s": round(piece.at - start, 4),
                "at": _moment(self.at - timedelta(seconds=self.now_s - piece.at)),
                "dir": piece.direction,
            }
            if piece.direction in masked:
                whole, at = masked[piece.direction]
                data = whole[at : at + len(piece.data)]
                masked[piece.direction] = whole, at + len(piece.data)
                line["data"] = data.decode("latin-1")
                if pdus := [pdu for found in _HEX_LINE.finditer(data) if (pdu := _pdu(found[0])) is not None]:
                    line["pdus"] = pdus
            else:
                line |= piece.facts or {}
            told.append(line)
        return told

    def _masked(self, direction: str) -> tuple[bytes, int]:
        """A direction's octets masked in one piece: a number may come in two."""
        whole = b"".join(piece.data for piece in self.pieces if piece.direction == direction)
        return mask_stream(whole, cut=self.cut and direction == "in"), 0


class Recordings(Protocol):
    """Where recordings of faults go."""

    def put(self, recording: Recording) -> None:
        """Take one; returns at once."""


class Recorder:
    """One port's recorder; it outlives the port's sessions."""

    def __init__(
        self,
        path: str,
        clock: Clock,
        recordings: Recordings | None = None,
        *,
        keep_s: float = KEEP_S,
        keep_octets: int = KEEP_OCTETS,
    ) -> None:
        self.path = path
        self._clock, self._recordings = clock, recordings
        self._keep_s, self._keep_octets = keep_s, keep_octets
        self._pieces: deque[Piece] = deque()
        self._cost = 0
        self._cut = False
        self._growing: Piece | None = None  # the last one, while it may be added to
        self._fresh = False  # something was said since the last recording
        self._recorded: dict[str, float] = {}
        self._echo_until: float | None = None
        self._echo_ended = False
        self._partial = b""

    @property
    def cost_octets(self) -> int:
        """Memory in use, nearly."""
        return self._cost

    def tap(self, port: Port, **facts: Any) -> Port:
        """A port like `port` whose traffic is kept."""
        self.mark("opened", **facts)
        return _Tap(port, self)

    def mark(self, what: str, **facts: Any) -> None:
        """Note what the octets do not say."""
        self._add("mark", b"", {"what": what, **facts})

    def heard(self, data: bytes) -> None:
        """Octets from the modem."""
        self._fresh = True
        if self._echo_until is None:
            self._add("in", data)
        else:
            self._hear_guarded(data)

    def wrote(self, data: bytes) -> None:
        """Octets to the modem, a command line or a PDU in one piece."""
        self._fresh = True
        now = asyncio.get_running_loop().time()
        if self._echo_until is not None and (self._echo_ended or now > self._echo_until):
            self._stop_guarding()
        if has_secret(data):
            self._echo_until, self._echo_ended = now + _ECHO_S, False
            data = hide_secrets(data)
        self._add("out", data)

    def changed(self, before: ModemStatus, after: ModemStatus) -> None:
        """The modem's sentence changed; one that tells of a fault makes a recording."""
        self._add("state", b"", {"sentence": after.sentence, "params": after.params})
        now = asyncio.get_running_loop().time()
        slug = after.sentence
        last = self._recorded.get(slug, float("-inf"))
        if self._recordings is None or slug not in FAULTS or not self._fresh or now - last < _AGAIN_S:
            return
        self._recorded[slug], self._fresh = now, False
        self._recordings.put(self.recording(after, before=before, fault=slug))

    def recording(
        self,
        after: ModemStatus,
        *,
        before: ModemStatus | None = None,
        fault: str | None = None,
        last_s: float = float("inf"),
    ) -> Recording:
        """What was kept of the last `last_s` seconds."""
        self._flush_partial()
        self._growing = None
        now = asyncio.get_running_loop().time()
        pieces = tuple(piece for piece in self._pieces if now - piece.at <= last_s)
        cut = self._cut or len(pieces) < len(self._pieces)
        modem = after.imei or self.path.rpartition("/")[2]
        return Recording(self.path, modem, self._clock.now(), now, pieces, cut, fault, before, after)

    def _add(self, direction: Direction, data: bytes, facts: dict[str, Any] | None = None) -> None:
        now = asyncio.get_running_loop().time()
        pieces, last = self._pieces, self._growing
        if (
            last is not None
            and last.direction == direction
            and now - last.at <= _JOIN_S
            and len(last.data) + len(data) <= _JOIN_OCTETS
        ):
            last.data += data
            self._cost += len(data)
        else:
            for at in range(0, max(len(data), 1), _LINE_LIMIT):
                piece = Piece(now, direction, data[at : at + _LINE_LIMIT], facts)
                pieces.append(piece)
                self._cost += len(piece.data) + _PIECE_OCTETS
            self._growing = pieces[-1] if facts is None else None
        while pieces and (self._cost > self._keep_octets or now - pieces[0].at > self._keep_s):
            self._cost -= len(pieces.popleft().data) + _PIECE_OCTETS
            self._cut = True

    # --- the echo of a PIN: only whole lines are judged, wherever the octets were cut ---

    def _hear_guarded(self, data: bytes) -> None:
        if self._echo_until is not None and asyncio.get_running_loop().time() > self._echo_until:
            self._stop_guarding()
            self._add("in", data)
            return
        data = self._partial + data
        end = max((found.end() for found in _BREAK.finditer(data)), default=0)
        if len(data) - end > _LINE_LIMIT:
            end = len(data)
        self._partial = data[end:]
        kept = []
        for line in data[:end].splitlines(keepends=True):
            self._echo_ended = self._echo_ended or ends_command(line)
            kept.append(hide_echo(line))
        if kept:
            self._add("in", b"".join(kept))

    def _flush_partial(self) -> None:
        if self._partial:
            self._add("in", hide_echo(self._partial))
            self._partial = b""

    def _stop_guarding(self) -> None:
        self._flush_partial()
        self._echo_until = None


class _Tap:
    """A port that is listened in on."""

    def __init__(self, port: Port, recorder: Recorder) -> None:
        self._port, self._recorder = port, recorder
        self._open = True

    @property
    def path(self) -> str:
        return self._port.path

    async def read(self) -> bytes:
        data = await self._port.read()
        self._recorder.heard(data)
        return data

    def write(self, data: bytes) -> None:
        self._recorder.wrote(data)
        self._port.write(data)

    def abort(self) -> None:
        if self._open:
            self._open = False
            self._recorder.mark("closed")
        self._port.abort()


def _pdu(text: bytes) -> dict[str, Any] | None:
    facts = pdu_facts(text)
    if facts is None:
        return None
    told = {"kind": facts.kind, "octets": facts.octets, "dcs": facts.dcs, "udl": facts.udl}
    return told | {"header": facts.header or None, "status": facts.status}


def _state(status: ModemStatus) -> dict[str, Any]:
    return {
        "state": status.state.value,
        "sentence": status.sentence,
        "params": status.params,
        "since": _moment(status.since),
        "registration": status.registration,
        "signal_dbm": status.signal_dbm,
        "operator": status.operator,
        "technology": status.technology,
        "iccid": None if status.iccid is None else mask_stream(status.iccid.encode()).decode(),
    }


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
