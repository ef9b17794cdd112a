"""The virtual network: one service centre, the phones behind it, and the SIMs that it can reach."""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from modemfarm.gsm.splitting import split
from modemfarm.model import Encoding
from modemfarm.simulator.card import Card
from modemfarm.simulator.smsclog import Field, SmscLog
from modemfarm.simulator.strict import Submission
from modemfarm.simulator.tpdus import Body, deliver_tpdu, report_tpdu, smsc_address

PHONE_KEEPS = 50
SERVICE = "10086"  # the operator's own number
_SIGNIFICANT = 9  # digits that tell one number from another, whatever stands in front

PhoneText = dict[str, str | int | float]
OnPhone = Callable[[str, str, int], None]


@dataclass(slots=True)
class Airborne:
    """One TPDU on its way to a SIM.

    Attributes:
        log: fields of its line in the log, written when the SIM takes it.
        stored: called when the SIM has it.
    """

    report: bool
    tpdu: bytes
    log: dict[str, Field]
    stored: Callable[[], None] | None = None


class Station(Protocol):
    """What the network knows of a modem."""

    @property
    def number(self) -> int: ...

    def can_take(self, airborne: Airborne) -> bool:
        """On the air, and room for it."""

    def keeps(self, airborne: Airborne) -> bool:
        """Whether it will be shown or stored; False: taken and thrown away."""

    def take(self, airborne: Airborne, pdu: bytes, smsc_octets: int) -> None:
        """Store it and say so."""


@dataclass(slots=True)
class _Phone:
    texts: deque[PhoneText] = field(default_factory=lambda: deque(maxlen=PHONE_KEEPS))
    open: dict[tuple[str, int, int], dict[int, str]] = field(default_factory=dict)


class Network:
    """Takes submissions, tells phones, reports, and keeps what a SIM cannot take yet."""

    def __init__(self, log: SmscLog, clock: Callable[[], float], report_s: float) -> None:
        self.log = log
        self.clock = clock
        self.report_s = report_s
        self.reporting = True
        self.refused: dict[str, int] = {}  # CMS code by significant digits: who gets nothing
        self._stations: dict[str, Station] = {}  # by ICCID
        self._cards: dict[str, Card] = {}  # by significant digits
        self._held: dict[str, deque[Airborne]] = {}
        self._phones: dict[str, _Phone] = {}
        self._listeners: list[OnPhone] = []
        self._references = itertools.count(1)
        self._timers: set[asyncio.TimerHandle] = set()

    def issue(self, card: Card) -> None:
        """A card that exists from now on, in a modem or not."""
        self._cards[_significant(card.number)] = card
        self._held.setdefault(card.iccid, deque())

    def attach(self, card: Card, station: Station) -> None:
        """That card is in that modem."""
        self._stations[card.iccid] = station

    def detach(self, card: Card) -> None:
        self._stations.pop(card.iccid, None)

    def on_phone(self, callback: OnPhone) -> None:
        """Call back with (number, text, modem) when a phone has a whole text."""
        self._listeners.append(callback)

    def phone(self, number: str) -> list[PhoneText]:
        """The last texts that a phone got, oldest first."""
        phone = self._phones.get(_significant(number))
        return list(phone.texts) if phone else []

    def phones(self) -> list[str]:
        """Numbers of the phones that got something."""
        return [str(phone.texts[-1]["to"]) for phone in self._phones.values() if phone.texts]

    def held(self, iccid: str) -> int:
        """How many messages wait for that SIM."""
        return len(self._held.get(iccid, ()))

    def accept(
        self, modem: int, card: Card, pdu: bytes, sent: Submission, mr: int, *, reporting: bool = True, **log: Field
    ) -> None:
        """Take one submission: log it, then deliver it."""
        now = self.clock()
        self.log.write("submit", modem=modem, iccid=card.iccid, **_described(pdu, sent), mr=mr, accepted_at=now, **log)
        recipient = self._cards.get(_significant(sent.recipient))
        report = self._reporter(card, sent, mr, now) if sent.wants_report and self.reporting and reporting else None
        if recipient is not None:
            tpdu = deliver_tpdu(card.number, sent.body, now)
            fields = self._inbound_log(recipient, card.number, sent.text, _concat(sent))
            self.send_to(recipient, Airborne(False, tpdu, fields, report))
            return
        self._to_phone(sent, card.number, modem, now)
        if report is not None:
            report()
        if sent.recipient == SERVICE:
            self.later(self.report_s, lambda: self._serve(card, sent.text))

    def refuse_number(self, number: str, code: int) -> None:
        """Take nothing for that number from now on, and answer with that CMS code; 0 ends it."""
        self.refused[_significant(number)] = code

    def refusal(self, sent: Submission) -> int:
        """The CMS code with which its recipient is refused, or 0."""
        return self.refused.get(_significant(sent.recipient), 0)

    def refuse(self, modem: int, iccid: str | None, pdu: bytes, sent: Submission | None, **log: Field) -> None:
        """Log a submission that nobody took."""
        described = _described(pdu, sent) if sent is not None else {"pdu": pdu.hex().upper()}
        self.log.write("refuse", modem=modem, iccid=iccid, **described, answer="error", **log)

    def deliver(self, card: Card, originator: str, text: str) -> int:
        """Send a text to a SIM, in as many parts as it needs.

        Returns:
            The number of parts.
        """
        parts = split(text, next(self._references) % 256)
        for part in parts:
            dcs = 0x00 if part.encoding is Encoding.GSM7 else 0x08
            body = Body(0, dcs, part.udl, part.octets, part.has_header)
            ref = part.concat
            concat = {"ref": ref.ref, "total": ref.total, "number": ref.number} if ref else None
            tpdu = deliver_tpdu(originator, body, self.clock())
            self.send_to(card, Airborne(False, tpdu, self._inbound_log(card, originator, part.text, concat)))
        return len(parts)

    def send_to(self, card: Card, airborne: Airborne) -> None:
        """Queue one TPDU for a SIM, and hand over what it can take."""
        self._held[card.iccid].append(airborne)
        self.pump(card)

    def pump(self, card: Card) -> None:
        """Hand a SIM what waits for it, in order, as far as it has room."""
        station, held = self._stations.get(card.iccid), self._held[card.iccid]
        while station is not None and held and station.can_take(held[0]):
            airborne = held.popleft()
            front = smsc_address(card.smsc)
            pdu = front + airborne.tpdu
            answer = "given" if station.keeps(airborne) else "lost"
            event = "report" if airborne.report else "inbound"
            line = {**airborne.log, "pdu": pdu.hex().upper(), "answer": answer}
            self.log.write(event, modem=station.number, iccid=card.iccid, **line)
            station.take(airborne, pdu, len(front))
            if airborne.stored is not None:
                airborne.stored()

    def close(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _reporter(self, card: Card, sent: Submission, mr: int, accepted_at: float) -> Callable[[], None]:
        def due(status: int) -> None:
            tpdu = report_tpdu(mr, sent.destination, accepted_at, self.clock(), status)
            fields: dict[str, Field] = {"to": sent.recipient, "mr": mr, "status": status}
            self.send_to(card, Airborne(True, tpdu, fields))

        def start() -> None:
            for place, status in enumerate(card.report_statuses, 1):
                self.later(self.report_s * place, functools.partial(due, status))

        return start

    def _serve(self, card: Card, asked: str) -> None:
        """The operator's own number answers "YE" with the balance."""
        text = f"您的余额{card.balance}元" if asked.strip().upper() == "YE" else "发送YE查询余额"
        self.deliver(card, SERVICE, text)

    def later(self, delay_s: float, call: Callable[[], None]) -> None:
        """Call later, whatever happens to the modems meanwhile."""
        loop = asyncio.get_running_loop()

        def run() -> None:
            self._timers.discard(timer)
            call()

        timer = loop.call_later(delay_s, run)
        self._timers.add(timer)

    def _to_phone(self, sent: Submission, originator: str, modem: int, now: float) -> None:
        phone = self._phones.setdefault(_significant(sent.recipient), _Phone())
        text = sent.text
        if sent.concat is not None:
            key = (originator, sent.concat.ref, sent.concat.total)
            parts = phone.open.setdefault(key, {})
            parts[sent.concat.number] = sent.text
            if len(parts) < sent.concat.total:
                return
            del phone.open[key]
            text = "".join(parts[number] for number in sorted(parts))
        phone.texts.append({"t": now, "from": originator, "to": sent.recipient, "text": text, "modem": modem})
        for listener in self._listeners:
            listener(sent.recipient, text, modem)

    @staticmethod
    def _inbound_log(card: Card, originator: str, text: str, concat: dict[str, int] | None) -> dict[str, Field]:
        return {"to": card.number, "from": originator, "text": text, "concat": concat}


def _significant(number: str) -> str:
    return number.removeprefix("+")[-_SIGNIFICANT:]


def _concat(sent: Submission) -> dict[str, int] | None:
    ref = sent.concat
    return None if ref is None else {"ref": ref.ref, "total": ref.total, "number": ref.number}


def _described(pdu: bytes, sent: Submission) -> dict[str, Field]:
    return {"pdu": pdu.hex().upper(), "to": sent.recipient, "text": sent.text, "concat": _concat(sent)}
