"""From Ctrl-Z to the result: the service centre's checks, air time, and every way in which a result can go wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modemfarm.gsm.splitting import split
from modemfarm.model import Encoding
from modemfarm.simulator.answers import OK, Answer, cms
from modemfarm.simulator.faults import ERRORS, STRIKES, Fault, error_of
from modemfarm.simulator.network import SERVICE
from modemfarm.simulator.strict import BadTpduError, Submission, inspect
from modemfarm.simulator.tpdus import Body, address

if TYPE_CHECKING:
    from modemfarm.simulator.card import Card
    from modemfarm.simulator.virtual import VirtualModem


_OURS = (*STRIKES, *ERRORS, "lost-result", "late-result", "no-send", "no-answer", "slow")


@dataclass(frozen=True, slots=True)
class _Flight:
    """One submission between Ctrl-Z and its result."""

    card: Card
    pdu: bytes
    sent: Submission
    ctrl_z_at: float
    began: float
    epoch: int
    fault: Fault | None


def submit(modem: VirtualModem, expects: tuple[str, int, str], body: bytes) -> None:
    """Ctrl-Z was read: check, put on the air, answer when the network has answered."""
    modem.counters.ctrl_z += 1
    at, began, epoch = modem.network.clock(), modem.now, modem.epoch
    if modem.moments:
        modem.moments.tell("ctrl-z", modem.number)
    modem.doing = "ctrl-z"
    fault = modem.fault_at("ctrl-z", *_OURS) if modem.faults else None
    card = modem.card
    if fault is not None and fault.name in STRIKES and fault.name != "hang":
        modem.strike(fault)
        card = card if modem.epoch != epoch else modem.card  # what goes with the power is on the air already
    kind, length, number = expects
    try:
        pdu = bytes.fromhex(body.decode("ascii")) if kind == "pdu" else _from_text(number, body)
        sent = inspect(pdu, length) if kind == "pdu" else inspect(pdu, len(pdu) - 1)
    except (BadTpduError, ValueError) as error:
        modem.network.refuse(
            modem.number, card.iccid if card else None, b"", None,
            text=body.decode("latin-1"), ctrl_z_at=at, code=304, name=str(error),
        )  # fmt: skip
        modem.finish(cms(304))
        return
    code = _why_not(modem, card, has_centre=kind == "pdu" and pdu[0] > 0)
    if code or card is None:
        modem.network.refuse(modem.number, card.iccid if card else None, pdu, sent, ctrl_z_at=at, code=code)
        modem.finish(cms(code))
        return
    timings = modem.timings
    setup_s = 0.0 if modem.settings.cmms and began < modem.link_until else timings.setup_s
    flight = _Flight(card, pdu, sent, at, began, modem.epoch, fault)
    modem.hold()
    if fault is not None and fault.name == "hang":
        modem.strike(fault)
    _after(modem, setup_s + timings.airtime_s, lambda: _landed(modem, flight))


def _after(modem: VirtualModem, delay_s: float, call: Callable[[], None]) -> None:
    """Call after a while even if the modem loses power: what is on the air is out of its hands."""
    if delay_s > 0:
        modem.network.later(delay_s, call)
    else:
        call()


def _why_not(modem: VirtualModem, card: Card | None, *, has_centre: bool) -> int:
    """The CMS code that a modem gives before it even tries (TS 27.005 §3.2.5), or 0.

    Args:
        has_centre: the PDU names its service centre itself (§3.1).
    """
    if card is None:
        return 310
    if card.condition != "ready":
        return 311 if card.condition == "pin" else 316
    if not card.smsc and not has_centre:
        return 330
    return 0 if modem.powered is False or modem.registered else 331


def _from_text(number: str, body: bytes) -> bytes:
    """An SMS-SUBMIT made of a text-mode submission (TS 27.005 §3.5.1): one part, no report."""
    part = split(body.decode("latin-1").replace("\r\n", "\n"), 0)[0]
    dcs = 0x00 if part.encoding is Encoding.GSM7 else 0x08
    user_data = Body(0, dcs, part.udl, part.octets, part.has_header)
    first = 0x01 | (0x40 if part.has_header else 0)
    front = bytes([0x00, first, 0x00]) + address(number) + bytes([0x00, dcs, user_data.length])
    return front + user_data.octets


def _landed(modem: VirtualModem, flight: _Flight) -> None:
    """The air time is over: the network takes it or not, and the log says so before the modem does."""
    fault = flight.fault
    name = fault.name if fault is not None else ""
    listens = modem.powered and not modem.hung and not modem.deaf
    heard = modem.epoch == flight.epoch and listens and modem.wire is not None
    free = flight.card.refuses[1] == "no-credit" and flight.sent.recipient == SERVICE
    if name in {"brown-out", "no-send"} or (flight.card.refuses[0] and not free):
        _not_sent(modem, flight)
        return
    if code := modem.network.refusal(flight.sent):
        modem.network.refuse(
            modem.number, flight.card.iccid, flight.pdu, flight.sent,
            ctrl_z_at=flight.ctrl_z_at, code=code, name="number",
        )  # fmt: skip
        _say(modem, flight, cms(code))
        return
    refused = name in ERRORS
    answer = OK
    if fault is not None and refused:
        code = int(fault.value or 0)
        answer = error_of(fault)
        if "accepted" not in fault.words:
            modem.network.refuse(
                modem.number, flight.card.iccid, flight.pdu, flight.sent,
                ctrl_z_at=flight.ctrl_z_at, code=code if name != "error" else None, name=name,
            )  # fmt: skip
            _after(modem, fault.after_s, lambda: _say(modem, flight, answer))
            return
    mr = flight.card.next_mr()
    said = "error" if refused else "lost" if name in {"lost-result", "no-answer"} or not heard else "given"
    modem.counters.sent += 1
    modem.network.accept(
        modem.number, flight.card, flight.pdu, flight.sent, mr,
        reporting=modem.knobs.reports_as != "off", ctrl_z_at=flight.ctrl_z_at, answer=said,
    )  # fmt: skip
    modem.link_until = modem.now + modem.timings.link_hold_s
    if fault is None:
        _say(modem, flight, Answer((f"+CMGS: {mr}",)))
    elif refused:
        _after(modem, fault.after_s, lambda: _say(modem, flight, answer))
    elif name in {"lost-result", "no-answer"}:
        _say(modem, flight, OK if "ok" in fault.words else Answer(final=""))
    elif name == "slow":
        _after(modem, fault.value or 0.0, lambda: _say(modem, flight, Answer((f"+CMGS: {mr}",))))
    elif name == "late-result":
        late = Answer((f"+CMGS: {mr}",))
        if "busy" in fault.words:
            _after(modem, fault.value or 0.0, lambda: _say(modem, flight, late))
        else:
            modem.finish(Answer(final=""))
            _after(modem, fault.value or 0.0, lambda: _say(modem, flight, late, between=True))
            modem.go_on()
    else:
        _say(modem, flight, Answer((f"+CMGS: {mr}",)))


def _not_sent(modem: VirtualModem, flight: _Flight) -> None:
    """The network never had it, or refuses this SIM: say the code, or nothing."""
    fault, (code, why) = flight.fault, flight.card.refuses
    answer = cms(code)
    if fault is not None and fault.name in {"brown-out", "no-send"}:
        code, why = int(fault.value or 0) if fault.name == "no-send" else 0, fault.name
        answer = cms(code) if code else Answer(final="")
    else:
        modem.log_fault(why, "ctrl-z")
    modem.network.refuse(
        modem.number,
        flight.card.iccid,
        flight.pdu,
        flight.sent,
        ctrl_z_at=flight.ctrl_z_at,
        code=code or None,
        name=why,
    )
    _after(modem, fault.after_s if fault is not None else 0.0, lambda: _say(modem, flight, answer))


def _say(modem: VirtualModem, flight: _Flight, answer: Answer, *, between: bool = False) -> None:
    """Give the result, unless the modem that should say it was restarted, unplugged or hangs.

    Args:
        between: it comes late, perhaps while another command runs, and ends nothing but itself.
    """
    modem.counters.busy_s += modem.now - flight.began
    if modem.epoch != flight.epoch:
        return
    modem.doing = "ctrl-z"
    if between:
        modem.speak(answer)
    else:
        modem.finish(answer)
    if modem.moments and answer.final:
        modem.moments.tell("result", modem.number)
    if not between:
        modem.go_on()
