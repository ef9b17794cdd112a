"""A virtual SIM card and the message stores of a virtual modem."""

from __future__ import annotations

from dataclasses import dataclass, field

UNREAD, READ = 0, 1  # TS 27.005 §3.1, <stat> in PDU mode
SM_SLOTS = 50


@dataclass(slots=True)
class Slot:
    """One stored PDU.

    Attributes:
        pdu: SMSC address + TPDU.
        smsc_octets: octets of the SMSC address in front.
        stat: 0 received unread, 1 received read.
    """

    pdu: bytes
    smsc_octets: int
    stat: int = UNREAD


@dataclass(slots=True)
class Store:
    """One memory: numbered slots, the lowest free one is taken first."""

    capacity: int
    base: int = 1
    slots: dict[int, Slot] = field(default_factory=dict)

    def put(self, slot: Slot) -> int | None:
        """The index that took it, or None when full."""
        if len(self.slots) >= self.capacity:
            return None
        index = self.base
        while index in self.slots:
            index += 1
        self.slots[index] = slot
        return index

    def holds(self, index: int) -> bool:
        """Whether such an index exists, empty or not."""
        return self.base <= index < self.base + self.capacity

    def rebase(self, base: int) -> None:
        """Another modem counts from another index."""
        if base != self.base:
            self.slots = {index + base - self.base: slot for index, slot in self.slots.items()}
            self.base = base

    @property
    def full(self) -> bool:
        return len(self.slots) >= self.capacity


@dataclass(slots=True)
class Card:
    """One SIM.

    Attributes:
        iccid: 19 digits, the form that the log carries.
        on_card: the 20 nibbles of EF-ICCID in reading order: with its check digit, or padded with F.
        number: MSISDN, E.164.
        mr: the last TP-MR that was used (EF-SMSS).
        pin: what unlocks it while `locked`.
        smsc_fixed: +CSCA does not set it.
        refuses: +CMS code that the network gives to every submission, and why: ``barred`` ``no-credit``; 0 is none.
        report_statuses: TP-ST of the reports about its messages, one report each (TS 23.040 §9.2.3.15).
    """

    iccid: str
    on_card: str
    imsi: str
    number: str
    smsc: str
    mr: int = 255
    pin: str = ""
    locked: bool = False
    pin_left: int = 3
    blocked: bool = False
    puk: str = "12345678"
    puk_left: int = 10
    balance: str = "12.34"
    refuses: tuple[int, str] = (0, "")
    smsc_fixed: bool = False
    report_statuses: tuple[int, ...] = (0,)
    store: Store = field(default_factory=lambda: Store(SM_SLOTS))

    def next_mr(self) -> int:
        self.mr = (self.mr + 1) % 256
        return self.mr

    def swapped(self) -> str:
        """EF-ICCID as +CRSM reads it: nibbles swapped (TS 11.11 §10.1.1)."""
        raw = self.on_card
        return "".join(raw[i + 1] + raw[i] for i in range(0, 20, 2))

    def unlock(self, typed: str, new_pin: str = "") -> int:
        """Try a PIN, or a PUK with a new PIN.

        Returns:
            The CME code of a wrong one, or 0 (TS 27.007 §8.3; TS 11.11 §11.3).
        """
        if self.blocked:
            if self.puk_left > 0 and typed == self.puk and new_pin:
                self.pin, self.blocked, self.locked, self.pin_left = new_pin, False, False, 3
                return 0
            self.puk_left = max(0, self.puk_left - 1)
            return 16 if new_pin else 12
        if typed == self.pin:
            self.locked, self.pin_left = False, 3
            return 0
        self.pin_left -= 1
        self.blocked = self.pin_left <= 0
        return 12 if self.blocked else 16

    @property
    def condition(self) -> str:
        """``ready``, ``pin`` or ``puk``."""
        if self.blocked:
            return "puk"
        return "pin" if self.locked else "ready"


def make_card(serial: int, mr: int = 255) -> Card:
    """The card number `serial`; even ones are padded with F, odd ones carry a check digit (ITU-T E.118 §4.1)."""
    digits = f"8986003100{serial:09d}"
    last = "F" if serial % 2 == 0 else str(_check_digit(digits))
    return Card(
        iccid=digits,
        on_card=digits + last,
        imsi=f"46000{serial + 1:010d}",
        number=f"+{8613900000001 + serial}",
        smsc="+8613800100500",
        mr=mr,
    )


def make_imei(serial: int) -> str:
    """15 digits with their check digit (TS 23.003 §6.2.1)."""
    digits = f"86000000{serial:06d}"
    return digits + str(_check_digit(digits))


def _check_digit(digits: str) -> int:
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = int(char) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return -total % 10
