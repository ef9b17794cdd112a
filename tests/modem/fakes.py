"""What modem tests share: a loop whose time jumps, a journal in memory, parts, and a port played from a script."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar, TypeVar

from modemfarm.errors import LinkLostError
from modemfarm.gsm.splitting import split
from modemfarm.gsm.tpdu import encode_submit
from modemfarm.model import ClaimedPart, Evidence, MissedCall, Outcome, Received
from modemfarm.modem.family import Profiles
from modemfarm.modem.journal import After, Centre, Go, GoOn, ModemStatus, NoPin, Parked, Pending, Resync, SimSeen, Stop
from modemfarm.modem.ladder import RESETS_A_DAY
from modemfarm.modem.profile import load_profiles

T = TypeVar("T")

EPOCH = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
DRIVERS = Path(__file__).resolve().parents[2] / "drivers"


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time stands still while anything can run, then jumps to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self.virtual_s = 1000.0
        select = self._selector.select  # type: ignore[attr-defined]

        def jump(timeout: float | None) -> object:
            if timeout is None:
                raise RuntimeError("nothing can ever happen again")
            self.virtual_s += timeout
            return select(0)

        self._selector.select = jump  # type: ignore[attr-defined]

    def time(self) -> float:
        return self.virtual_s


def run(main: Coroutine[object, object, T]) -> T:
    """Run on virtual time; a test that waits for more than ten days of it fails."""

    async def bounded() -> T:
        async with asyncio.timeout(10 * 86_400):
            return await main

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(bounded())


class LoopClock:
    """Wall-clock time that follows the loop's, with a shift that a test may turn."""

    def __init__(self) -> None:
        self.shift = timedelta()

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=asyncio.get_running_loop().time() - 1000.0) + self.shift


def profiles() -> Profiles:
    return load_profiles(DRIVERS)


def make_part(number: int, iccid: str = "", text: str = "", *, more_follow: bool = False) -> ClaimedPart:
    data = split(text or f"part {number}", 0)[0]
    pdu, length = encode_submit(f"+861380000{number:04}", data, report=True, validity_s=3600, flash=False)
    return ClaimedPart(number, number, number, iccid, f"+861380000{number:04}", 1, 1, pdu, length, more_follow, EPOCH)


@dataclass
class FakeJournal:
    """Durable truth, in memory."""

    clock: LoopClock = field(default_factory=LoopClock)
    queue: deque[ClaimedPart] = field(default_factory=deque)
    claimed: list[ClaimedPart] = field(default_factory=list)
    released: list[int] = field(default_factory=list)
    submitted: list[int] = field(default_factory=list)
    rechecked: list[int] = field(default_factory=list)
    outcomes: list[tuple[int, Outcome]] = field(default_factory=list)
    inbound: list[Received] = field(default_factory=list)
    calls: list[MissedCall] = field(default_factory=list)
    statuses: list[ModemStatus] = field(default_factory=list)
    cards: list[SimSeen] = field(default_factory=list)
    swept_cards: list[str] = field(default_factory=list)
    emptied_slots: list[tuple[str, int]] = field(default_factory=list)
    lying: dict[str, list[int]] = field(default_factory=dict)
    pins: list[bool] = field(default_factory=list)
    open_attempt: Pending | None = None
    pin: str | NoPin | None = None
    asked: list[tuple[str, int]] = field(default_factory=list)
    commit_s: float = 0.001
    settle_s: float = 0.0
    keeps_order: bool = True
    last_card: str = ""
    parked_for: str = ""
    resets: int = 0
    verdict: Callable[[ClaimedPart], Go | Stop | None] = lambda part: None
    recheck_verdict: Callable[[ClaimedPart], Go | Stop | None] = lambda part: None
    after: Callable[[Outcome], After] = lambda outcome: Resync() if outcome.evidence is Evidence.UNCERTAIN else GoOn()
    fail_received: list[Exception] = field(default_factory=list)
    fail_settle: list[Exception] = field(default_factory=list)
    fail_submitting: list[Exception] = field(default_factory=list)
    on_received: Callable[[Received], None] = lambda received: None

    def __post_init__(self) -> None:
        self._wakers: list[asyncio.Future[None]] = []

    def add(self, *parts: ClaimedPart) -> None:
        self.queue.extend(parts)
        for waker in self._wakers:
            if not waker.done():
                waker.set_result(None)
        self._wakers.clear()

    def evidence(self) -> dict[int, list[Evidence]]:
        found: dict[int, list[Evidence]] = {}
        for attempt, outcome in self.outcomes:
            found.setdefault(attempt, []).append(outcome.evidence)
        return found

    def sentences(self) -> list[str]:
        return [status.sentence for status in self.statuses]

    async def pending(self, path: str, imei: str | None = None) -> Pending | None:
        return self.open_attempt

    async def status(self, status: ModemStatus) -> None:
        self.statuses.append(status)

    def parked(self, iccid: str) -> str:
        return self.parked_for

    async def sim_seen(self, path: str, imei: str | None, sim: SimSeen) -> bool:
        before, self.last_card = self.last_card, sim.iccid
        self.cards.append(sim)
        return before not in {"", sim.iccid}

    async def may_reset(self, sim: str) -> bool:
        self.resets += 1
        return self.resets <= RESETS_A_DAY

    async def centre(self, iccid: str) -> Centre | None:
        return None

    async def pin_allowed(self, iccid: str | None, imei: str | None, path: str, tries_left: int) -> str | NoPin:
        return NoPin("pin_unknown") if self.pin is None else self.pin

    async def pin_worked(self, iccid: str | None, imei: str | None, path: str, worked: bool) -> None:
        self.pins.append(worked)

    async def claim(self, iccid: str, path: str) -> ClaimedPart:
        while not self.queue:
            waker = asyncio.get_running_loop().create_future()
            self._wakers.append(waker)
            await waker
        part = self.queue.popleft()
        self.claimed.append(part)
        return part

    async def called(self, call: MissedCall) -> None:
        self.calls.append(call)

    async def release(self, part: ClaimedPart) -> None:
        self.released.append(part.attempt_id)
        self.queue.appendleft(part)

    async def submitting(self, part: ClaimedPart) -> Go | Stop:
        self.asked.append(("submitting", part.attempt_id))
        await asyncio.sleep(self.commit_s)
        if self.fail_submitting:
            raise self.fail_submitting.pop(0)
        self.submitted.append(part.attempt_id)
        return self.verdict(part) or Go(self.clock.now())

    async def recheck(self, part: ClaimedPart) -> Go | Stop:
        self.rechecked.append(part.attempt_id)
        return self.recheck_verdict(part) or Go(self.clock.now())

    async def settle(self, attempt_id: int, iccid: str, outcome: Outcome) -> After:
        self.asked.append(("settle", attempt_id))
        await asyncio.sleep(self.settle_s)
        if self.fail_settle:
            raise self.fail_settle.pop(0)
        self.outcomes.append((attempt_id, outcome))
        after = self.after(outcome)
        self.parked_for = after.slug if isinstance(after, Parked) else self.parked_for
        return after

    async def received(self, received: Received) -> None:
        await asyncio.sleep(0)
        if self.fail_received:
            raise self.fail_received.pop(0)
        self.on_received(received)
        self.inbound.append(received)

    async def emptied(self, iccid: str, memory: str, index: int) -> None:
        self.emptied_slots.append((memory, index))

    async def emptied_but(self, iccid: str, memory: str, slots: Sequence[int]) -> None:
        self.lying[memory] = list(slots)

    async def swept(self, iccid: str) -> None:
        self.swept_cards.append(iccid)


Answer = str | Callable[["ScriptedPort"], str | None] | None


class ScriptedPort:
    """A modem played from a table: the command line decides the answer.

    An answer is text (``|`` stands for CR LF), None for silence, or a function that returns one of them.
    A list is used up one answer a time; its last one stays. `pieces` says how many octets come at once.
    """

    DEFAULT: ClassVar[dict[str, Answer | list[Answer]]] = {
        "AT": "OK",
        "ATI": "Acme|A1|OK",
        "AT+CGMI": "Acme|OK",
        "AT+CGMM": "A1|OK",
        "AT+CGMR": "1.0|OK",
        "AT+CGSN": "490154203237518|OK",
        "AT+CFUN?": "+CFUN: 1|OK",
        "AT+CPIN?": "+CPIN: READY|OK",
        "AT+CCID": "+CCID: 8986001234567890123|OK",
        "AT+CIMI": "460001234567890|OK",
        "AT+CPMS=?": '+CPMS: ("SM","ME"),("SM","ME"),("SM","ME")|OK',
        "AT+CNMI=?": "+CNMI: (0-2),(0-3),(0,2),(0-2),(0,1)|OK",
        "AT+CNMI?": "+CNMI: 2,1,0,1,0|OK",
        "AT+CREG?": "+CREG: 0,1|OK",
        "AT+CSQ": "+CSQ: 20,99|OK",
        "AT+COPS?": '+COPS: 0,2,"46000",0|OK',
        "AT+CMGL=4": "OK",
    }

    def __init__(self, answers: dict[str, Answer | list[Answer]] | None = None, *, pieces: int = 4096) -> None:
        self.path = "script"
        self.answers: dict[str, Answer | list[Answer]] = {**self.DEFAULT, **(answers or {})}
        self.pieces = pieces
        self.heard: list[str] = []
        self.writes: list[bytes] = []
        self.bodies: list[str] = []
        self.escapes = 0
        self.mr = 0
        self.prompt: Answer = "\r\n> "
        self.result: Answer | list[Answer] = lambda port: f"+CMGS: {port.mr}|OK"
        self.prompt_s = 0.0
        self.result_s = 0.05
        self.slots: dict[int, str] = {}
        self.open_prompt = False
        self._in: deque[bytes] = deque()
        self._line = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self.lost = False

    # --- the daemon's side

    async def read(self) -> bytes:
        while not self._in:
            if self.lost:
                raise LinkLostError("script: unplugged")
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if self.pieces < 4096:
            await asyncio.sleep(0)
        return self._in.popleft()

    def write(self, data: bytes) -> None:
        if self.lost:
            raise LinkLostError("script: unplugged")
        self.writes.append(data)
        for octet in data:
            self._hear(octet)

    def abort(self) -> None:
        self.unplug()

    # --- the modem's side

    def unplug(self) -> None:
        self.lost = True
        self._wake()

    def say(self, text: str | None) -> None:
        if text is None or self.lost:
            return
        data = text.encode() if text.startswith("\r\n>") else ("\r\n" + text.replace("|", "\r\n") + "\r\n").encode()
        self._in += [data[at : at + self.pieces] for at in range(0, len(data), self.pieces)]
        self._wake()

    def later(self, seconds: float, text: str | None) -> None:
        asyncio.get_running_loop().call_later(seconds, self.say, text)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _hear(self, octet: int) -> None:
        if octet == 0x1B:
            self.escapes += 1
            if self.open_prompt:
                self.open_prompt = False
                self.say("OK")
            self._line.clear()
        elif octet == 0x1A:
            self.open_prompt = False
            self.bodies.append(self._line.decode())
            self._line.clear()
            self.mr = (self.mr + 1) % 256
            answer = self._use(self.result)
            asyncio.get_running_loop().call_later(self.result_s, self.say, answer)
        elif octet == 0x0D and not self.open_prompt:
            line = self._line.decode()
            self._line.clear()
            self.heard.append(line)
            self._obey(line)
        else:
            self._line.append(octet)

    def _use(self, answer: Answer | list[Answer]) -> str | None:
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        return answer(self) if callable(answer) else answer

    def _obey(self, line: str) -> None:
        if line in self.answers:
            self.say(self._use(self.answers[line]))
        elif line.startswith("AT+CMGS="):
            asyncio.get_running_loop().call_later(self.prompt_s, self._prompt)
        elif match := re.fullmatch(r"AT\+CMGR=(\d+)", line):
            pdu = self.slots.get(int(match[1]))
            self.say(f"+CMGR: 0,,{len(pdu) // 2 - 1}|{pdu}|OK" if pdu else "OK")
        elif match := re.fullmatch(r"AT\+CMGD=(\d+)", line):
            self.slots.pop(int(match[1]), None)
            self.say("OK")
        else:
            self.say("OK")

    def _prompt(self) -> None:
        answer = self._use(self.prompt)
        self.open_prompt = answer is not None and answer.startswith("\r\n>")
        self.say(answer)


class ScriptedOpener:
    """Gives the ports of a list, one an opening; when none is left, nothing is plugged in."""

    def __init__(self, *ports: ScriptedPort) -> None:
        self.ports = deque(ports)
        self.opened = 0

    async def open(self, path: str) -> ScriptedPort:
        if not self.ports:
            raise LinkLostError(f"{path}: unplugged")
        self.opened += 1
        return self.ports.popleft()
