"""Plays a recording to a session: the same code that runs a modem, a port that says what was recorded, jumping time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from modemfarm.errors import LinkLostError, ModemError
from modemfarm.model import ClaimedPart, Evidence, MissedCall, Outcome, Received
from modemfarm.modem.asking import Asking
from modemfarm.modem.family import Profiles
from modemfarm.modem.journal import After, Centre, Go, GoOn, ModemStatus, Pending, Resync, SimSeen, Stop
from modemfarm.modem.ladder import Limits, Rung
from modemfarm.modem.masking import hide_secrets, mask_stream
from modemfarm.modem.replay import Exchange, Note, exchanges
from modemfarm.modem.session import Session
from modemfarm.modem.settings import ModemSettings
from modemfarm.modem.status import StatusBoard

_LOOK_AHEAD = 12  # exchanges that may have come in another order
_GRACE_S = 150.0  # a session may notice the end of what was recorded so much later: its longest time-out
# What a session itself says; the rest is said by its supervisor or follows from the database.
_SAID = frozenset({
    "waking", "identifying", "starting_radio", "waiting_for_sim", "setting_up", "sweeping", "searching", "ready",
    "ready_without_reports", "resyncing", "registration_denied",
})  # fmt: skip
_ENDED_BY_SESSION = ("repairing_", "restarted", "sim_", "pin_", "puk_wanted")


class NotReplayableError(ValueError):
    """No session can be played from this recording; the text says why."""


def replay_session(head: dict[str, Any], pieces: Sequence[dict[str, Any]], profiles: Profiles) -> list[Note]:
    """How a session of now differs from the recorded one; ends with a note on how it ended.

    Raises:
        NotReplayableError: its beginning was not recorded.
    """
    section = _last_session(pieces)
    with asyncio.Runner(loop_factory=_JumpingLoop) as runner:
        return runner.run(_play(head, section, profiles))


def _last_session(pieces: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The pieces of the last session that was recorded from its opening on, times counted from there."""
    opened = [at for at, piece in enumerate(pieces) if piece["dir"] == "mark" and piece.get("what") == "opened"]
    if not opened:
        raise NotReplayableError("the opening of the port was not recorded")
    section = list(pieces[opened[-1] :])
    if any(piece["dir"] == "state" and piece.get("sentence") == "listening" for piece in section):
        raise NotReplayableError("the session began by listening for an earlier one's result")
    start = float(section[0]["s"])
    return [{**piece, "s": float(piece["s"]) - start} for piece in section]


async def _play(head: dict[str, Any], section: list[dict[str, Any]], profiles: Profiles) -> list[Note]:
    loop = asyncio.get_running_loop()
    clock = _Clock(datetime.fromisoformat(section[0]["at"]) if "at" in section[0] else datetime(2026, 1, 1, tzinfo=UTC))
    script = exchanges(section)
    lost = head["after"]["sentence"] == "gone"
    port = _ScriptPort(str(head["path"]), script, float(section[-1]["s"]), lost=lost)
    journal = _Journal(script, clock)
    said: list[str] = []
    board = StatusBoard(port.path, journal, clock, lambda _, after: said.append(after.sentence))
    session = Session(
        port, profiles, journal, board, settings=ModemSettings(), clock=clock, limits=Limits(), asking=Asking()
    )
    timer = loop.call_later(float(section[-1]["s"]) + _GRACE_S, session.stop)
    ended = "came to the end of the recording"
    failed = False
    try:
        rung = Rung[str(section[0].get("rung", "plain")).upper()]
        async with asyncio.timeout(float(section[-1]["s"]) + 2 * _GRACE_S):
            await session.run(rung)
    except ModemError as error:
        if not port.over:
            ended, failed = f"{type(error).__name__}: {error}", not isinstance(error, LinkLostError)
    except TimeoutError:
        ended = "did not end"
    finally:
        timer.cancel()
        port.abort()
    notes = port.differences
    recorded = _told(piece["sentence"] for piece in section if piece["dir"] == "state")
    replayed = _told(said)
    end_s = float(section[-1]["s"])
    if replayed[: len(recorded)] != recorded:
        notes.append(Note(end_s, "difference", f"recorded: {' '.join(recorded)}; replayed: {' '.join(replayed)}"))
    should_fail = head["fault"] is not None and str(head["fault"]).startswith(_ENDED_BY_SESSION)
    if should_fail and not failed:
        notes.append(
            Note(end_s, "difference", f"the recorded session ended with {head['fault']}, the replayed did not")
        )
    return [*notes, Note(round(loop.time() - port.began_s, 3), "mark", f"the replayed session: {ended}")]


def _told(sentences: Any) -> list[str]:
    """What a session said, repetitions left out."""
    found: list[str] = []
    for sentence in sentences:
        if sentence in _SAID and found[-1:] != [sentence]:
            found.append(sentence)
    return found


class _ScriptPort:
    """Says what was recorded, as long after a question as it was then."""

    def __init__(self, path: str, script: list[Exchange], length_s: float, *, lost: bool) -> None:
        self.path = path
        self._script, self._at = script, 0
        self._used = [False] * len(script)
        self._said: deque[bytes] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._gone = False
        self._loop = asyncio.get_running_loop()
        self._quiet_until = 0.0
        self._length_s = length_s
        self.over = False
        self.began_s = self._loop.time()
        self.differences: list[Note] = []
        self._answer(0)
        if lost:
            self._loop.call_later(length_s, self.abort)

    async def read(self) -> bytes:
        while not self._said:
            if self._gone:
                raise LinkLostError(f"{self.path}: the recording ended with a lost port")
            self._waiter = self._loop.create_future()
            await self._waiter
        return self._said.popleft()

    def write(self, data: bytes) -> None:
        if self._gone:
            raise LinkLostError(f"{self.path}: the recording ended with a lost port")
        for exchange in exchanges([{"dir": "out", "s": 0.0, "data": _kept(data)}])[1:]:
            self._hear(exchange.out)

    def abort(self) -> None:
        self._gone = True
        self._wake()

    def _hear(self, token: str) -> None:
        ahead = range(self._at + 1, min(self._at + 1 + _LOOK_AHEAD, len(self._script)))
        for at in (*ahead, *range(max(0, self._at - _LOOK_AHEAD), self._at + 1)):
            if not self._used[at] and self._script[at].out == token:
                break
        else:
            self._unknown(token)
            return
        if at != next((other for other in ahead if not self._used[other]), at):
            expected = next(self._script[other].out for other in ahead if not self._used[other])
            self._differs(f"wrote {_shown(token)} where {_shown(expected)} was recorded")
        self._at = max(self._at, at)
        self._answer(at)

    def _unknown(self, token: str) -> None:
        """Nothing like it comes next: the answer it had before, if any, else silence."""
        if self._loop.time() - self.began_s >= self._length_s - 0.001:
            self.over = True  # what the modem says to this was never seen
            self.abort()
            return
        self._differs(f"wrote {_shown(token)}, which was not recorded here")
        before = next((item for item in reversed(self._script) if item.out == token), None)
        if before is not None:
            self._say(before.said)

    def _answer(self, at: int) -> None:
        self._used[at] = True
        self._say(self._script[at].said)

    def _say(self, said: list[tuple[float, str]]) -> None:
        now = self._loop.time()
        for delay, data in said:
            self._quiet_until = max(self._quiet_until, now + delay)
            self._loop.call_at(self._quiet_until, self._deliver, data.encode("latin-1", "replace"))

    def _deliver(self, data: bytes) -> None:
        if not self._gone:
            self._said.append(data)
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _differs(self, text: str) -> None:
        self.differences.append(Note(round(self._loop.time() - self.began_s, 3), "difference", text))


class _Journal:
    """Durable truth for a replay: the recorded parts, when their time comes; everything else is nodded at."""

    keeps_order = True

    def __init__(self, script: list[Exchange], clock: _Clock) -> None:
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._parts: deque[tuple[float, ClaimedPart]] = deque()
        for at, exchange in enumerate(script):
            if exchange.out.startswith("AT+CMGS="):
                self._parts.append((exchange.at_s, _part(at, exchange.out, script[at + 1 :])))

    async def pending(self, _path: str, _imei: str | None = None) -> Pending | None:
        return None

    async def status(self, status: ModemStatus) -> None:
        pass

    async def sim_seen(self, _path: str, _imei: str | None, _sim: SimSeen) -> bool:
        return False

    def parked(self, _iccid: str) -> str:
        return ""

    async def may_reset(self, _sim: str) -> bool:
        return True

    async def centre(self, _iccid: str) -> Centre | None:
        return None

    async def pin_allowed(self, _iccid: str | None, _imei: str | None, _path: str, _left: int) -> str:
        return "0000"  # whatever the PIN was: the recording does not have it

    async def pin_worked(self, iccid: str | None, imei: str | None, path: str, worked: bool) -> None:
        pass

    async def claim(self, iccid: str, _path: str) -> ClaimedPart:
        if not self._parts:
            await self._loop.create_future()
        at_s = self._parts[0][0]
        await asyncio.sleep(max(0.0, self._began + at_s - self._loop.time()))
        part = self._parts.popleft()[1]
        return ClaimedPart(
            part.attempt_id, part.part_id, part.message_id, iccid, "", 1, 1, part.pdu, part.tpdu_length,
            more_follow=False, claimed_at=self._clock.now(),
        )  # fmt: skip

    async def release(self, part: ClaimedPart) -> None:
        self._parts.appendleft((0.0, part))

    async def submitting(self, _part: ClaimedPart) -> Go | Stop:
        return Go(self._clock.now())

    async def recheck(self, _part: ClaimedPart) -> Go | Stop:
        return Go(self._clock.now())

    async def settle(self, _attempt_id: int, _iccid: str, outcome: Outcome) -> After:
        return Resync() if outcome.evidence is Evidence.UNCERTAIN else GoOn()

    async def received(self, received: Received) -> None:
        pass

    async def called(self, call: MissedCall) -> None:
        pass

    async def emptied(self, iccid: str, memory: str, index: int) -> None:
        pass

    async def emptied_but(self, iccid: str, memory: str, slots: Sequence[int]) -> None:
        pass

    async def swept(self, iccid: str) -> None:
        pass


def _part(number: int, command: str, later: list[Exchange]) -> ClaimedPart:
    """The part of a recorded submission; where it never came to its PDU, one as long."""
    length = int("".join(char for char in command.partition("=")[2] if char.isdigit()) or "1")
    body = next((item.out for item in later if item.out.endswith(("\x1a", "\r"))), "")
    try:
        pdu = bytes.fromhex(body.removesuffix("\x1a")) if body.endswith("\x1a") else bytes(1 + length)
    except ValueError:
        pdu = bytes(1 + length)
    return ClaimedPart(
        number, number, number, "", "", 1, 1, pdu, length, more_follow=False, claimed_at=datetime.now(UTC)
    )


class _Clock:
    """Wall-clock time from the recording's beginning on."""

    def __init__(self, began: datetime) -> None:
        self._began, self._loop = began, asyncio.get_running_loop()
        self._at = self._loop.time()

    def now(self) -> datetime:
        return self._began + timedelta(seconds=self._loop.time() - self._at)


class _JumpingLoop(asyncio.SelectorEventLoop):
    """Minutes in moments: when nothing can run, time jumps to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self._jumped_s = 0.0
        selector = self._selector  # type: ignore[attr-defined]  # BaseSelectorEventLoop keeps it there
        select = selector.select

        def jump(timeout: float | None = None) -> Any:
            ready = select(0)
            if not ready and timeout:
                self._jumped_s += timeout
            return ready if ready or timeout is not None else select(None)

        selector.select = jump

    def time(self) -> float:
        return self._jumped_s


def _kept(data: bytes) -> str:
    """What is written, as a recording has it."""
    return mask_stream(hide_secrets(data)).decode("latin-1")


def _shown(token: str) -> str:
    return {"\x1b": "ESC", "": "nothing"}.get(token) or (token if len(token) < 60 else f"{token[:60]}…").strip("\r\x1a")
