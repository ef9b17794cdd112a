"""What a modem's session needs from the rest of the farm; `farm/journal.py` implements it on the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from modemfarm.model import ClaimedPart, MissedCall, ModemState, Outcome, Received


@dataclass(frozen=True, slots=True)
class Go:
    """Step 3 is durable: Ctrl-Z may follow."""

    committed_at: datetime


@dataclass(frozen=True, slots=True)
class Stop:
    """This part must not leave now; the store has already put it where it belongs.

    Attributes:
        slug: why: ``opted_out canceled paused validity_expired plan_minute plan_day lease lost``.
    """

    slug: str


class After:
    """What the session does after an outcome."""


@dataclass(frozen=True, slots=True)
class GoOn(After):
    """The lane takes its next part; not before `not_before` where set.

    Attributes:
        refusals: how many in a row the lane rests for; 0 where it waits for something else.
        code: of the last of them, as ``CMS 302``.
    """

    not_before: datetime | None = None
    refusals: int = 0
    code: str = ""


@dataclass(frozen=True, slots=True)
class Resync(After):
    """The lane stays closed until the link was re-synchronised and the registration checked."""


@dataclass(frozen=True, slots=True)
class Parked(After):
    """This SIM sends nothing more until a person or a seen cause says so; receiving goes on."""

    slug: str


@dataclass(frozen=True, slots=True)
class Repair(After):
    """The modem itself is at fault: climb the ladder from `rung` (see session.Rung)."""

    slug: str


@dataclass(frozen=True, slots=True)
class Pending:
    """An attempt of an earlier session on this port whose fate is open.

    Until `listen_until` the port is only listened to: no ESC, no AT, no reset.
    `iccid` goes back with `settle`; "" where the store needs none to find the attempt.
    """

    attempt_id: int
    ctrl_z_at: datetime | None
    listen_until: datetime
    iccid: str = ""


@dataclass(frozen=True, slots=True)
class NoPin:
    """No PIN may be tried.

    Attributes:
        slug: the sentence that says why: ``pin_unknown``, ``pin_blocked`` where it was tried before, or
            ``pin_sealed`` where its key file is not there.
    """

    slug: str


@dataclass(frozen=True, slots=True)
class SimSeen:
    """The card that a session found.

    Attributes:
        iccid: as `normal_iccid` writes it; where a modem cannot tell it, ``imsi:<digits>``.
        number: own number, E.164 or as the SIM holds it.
        smsc: address of the service centre; "" where the card holds none, None where it could not be read.
    """

    iccid: str
    imsi: str | None
    number: str | None
    smsc: str | None


@dataclass(frozen=True, slots=True)
class Centre:
    """The service centre that a card is known to use.

    Attributes:
        wanted: the owner said so, whatever the card holds; else it was the last one seen there.
    """

    number: str
    wanted: bool = False


@dataclass(frozen=True, slots=True)
class ModemStatus:
    """A snapshot of one modem, told whenever something in it changed.

    Attributes:
        sentence: slug of the one sentence the page shows (web/sentences), with `params`.
        next_action: slug of what a person should do; "" when nothing.
        registration: ``home roaming searching denied none unknown``.
        warning: the last warning of its power supply or temperature (see `power`), of `warned_at`; "" for none yet.
    """

    path: str
    state: ModemState
    sentence: str
    since: datetime
    next_action: str = ""
    params: dict[str, str | int | float] = field(default_factory=dict)
    usb_path: str | None = None
    imei: str | None = None
    family: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    firmware: str | None = None
    iccid: str | None = None
    signal_dbm: int | None = None
    operator: str | None = None
    technology: str | None = None
    temperature_c: int | None = None
    voltage_mv: int | None = None
    warning: str = ""
    warned_at: datetime | None = None
    registration: str = "unknown"
    last_success_at: datetime | None = None


class Wire(Protocol):
    """Durable truth of what is put on the air, as a `Sender` asks for it."""

    @property
    def keeps_order(self) -> bool:
        """Whether what is asked is committed in the order in which it was asked."""

    async def release(self, part: ClaimedPart) -> None:
        """Put a claimed part that never reached step 3 back, refunded."""

    async def submitting(self, part: ClaimedPart) -> Go | Stop:
        """Step 3: re-check and make `submitting` durable."""

    async def recheck(self, part: ClaimedPart) -> Go | Stop:
        """The same re-check again, with the prompt open, when step 3's commit is older than 200 ms."""

    async def settle(self, attempt_id: int, iccid: str, outcome: Outcome) -> After:
        """Write how an attempt ended (also late, also of an earlier session); one that was accepted: `GoOn`."""


class Journal(Wire, Protocol):
    """Durable truth as a session sees it. Each call returns after its commit."""

    async def pending(self, path: str, imei: str | None = None) -> Pending | None:
        """The open attempt of this port, asked before the first octet is written to it."""

    async def status(self, status: ModemStatus) -> None:
        """Tell what the modem is doing; never waits for the wire, may be batched."""

    async def sim_seen(self, path: str, imei: str | None, sim: SimSeen) -> bool:
        """A card was read; from here on `received` and `claim` speak of it.

        Returns:
            Whether another card was in this modem before, as far as anybody remembers.
        """

    def parked(self, iccid: str) -> str:
        """Why this SIM sends nothing until a person or a seen cause says so; "" where it may send."""

    async def centre(self, iccid: str) -> Centre | None:
        """The service centre of a card that was seen, where known."""

    async def pin_allowed(self, iccid: str | None, imei: str | None, path: str, tries_left: int) -> str | NoPin:
        """The PIN to enter, its ledger row committed as tried; or why none is."""

    async def pin_worked(self, iccid: str | None, imei: str | None, path: str, worked: bool) -> None:
        """How that PIN did."""

    async def may_reset(self, sim: str) -> bool:
        """Whether the modem with this SIM (its ICCID, else the port) may be restarted once more today; counts it."""

    async def claim(self, iccid: str, path: str) -> ClaimedPart:
        """Wait for this SIM's next part and claim it. Cancelling the wait claims nothing."""

    async def received(self, received: Received) -> None:
        """Commit one PDU and all that follows from it; only then may its slot be deleted."""

    async def called(self, call: MissedCall) -> None:
        """Commit one missed call."""

    async def emptied(self, iccid: str, memory: str, index: int) -> None:
        """A slot was seen empty: what lies in it later is a new message, however alike."""

    async def emptied_but(self, iccid: str, memory: str, slots: Sequence[int]) -> None:
        """A memory was read to the end: every slot but these was seen empty."""

    async def swept(self, iccid: str) -> None:
        """The stores of the modem that holds this SIM were read to the end once."""
