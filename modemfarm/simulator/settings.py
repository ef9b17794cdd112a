"""What one virtual modem carries: times, knobs, what commands set, and counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from modemfarm.simulator.card import Card
from modemfarm.simulator.traits import Personality

CREG_FORMS = ("plain", "location", "bare", "act", "short")  # how +CREG looks, see `radio.creg_line`
USSD_CODINGS = ("charset", "packed", "gsm")
REPORT_STYLES = ("family", "inbox", "off")
SIM_INSERTS = ("nothing", "cfun", "restart")
ACKS = ("family", "none", "repeat", "withhold", "reset")


@dataclass(slots=True)
class Timings:
    """Seconds, shared by all modems.

    Attributes:
        setup_s: radio channel set-up before the first message of a link.
        airtime_s: from Ctrl-Z, or from the end of set-up, to the network's answer.
        reboot_s: how long a restart keeps the modem off.
        chatter_s: between a family's chatter lines; 0 is none.
        link_hold_s: how long +CMMS keeps an idle link (TS 27.005 §3.5.6: 1 to 5 seconds).
    """

    airtime_s: float = 0.0
    setup_s: float = 0.0
    reboot_s: float = 2.0
    chatter_s: float = 30.0
    link_hold_s: float = 2.0


@dataclass(slots=True)
class Knobs:
    """What else may differ from one modem to the next.

    Attributes:
        refuse: commands that answer ERROR, for example ``+CNUM``.
        cpin_slow_s: +CPIN? answers so late.
        no_iccid: no command tells the ICCID.
        creg_form: one of CREG_FORMS.
        signal: <rssi> of +CSQ.
        has_number: +CNUM tells the SIM's number.
        ussd: one of USSD_CODINGS instead of the family's, or "".
        reports_as: one of REPORT_STYLES; ``inbox``: an ordinary stored message; ``off``: none.
        ack: one of ACKS instead of the family's, or ``family``.
        pin_counter_reads: how often the counter can still be read; -1 is without end.
        iccid_swapped: the family's own command shows the nibbles as they lie on the card.
        sim_insert: what a SIM put in needs, one of SIM_INSERTS, instead of the family's, or "".
        new_name: the port has another name each time it comes back.
    """

    refuse: set[str] = field(default_factory=set)
    cpin_slow_s: float = 0.0
    no_iccid: bool = False
    creg_form: str = "plain"
    roaming: bool = False
    signal: int = 20
    has_number: bool = True
    ussd: str = ""
    reports_as: str = "family"
    ack: str = "family"
    pin_counter_reads: int = -1
    new_name: bool = False
    iccid_swapped: bool = False
    sim_insert: str = ""
    temperature: int = 31
    millivolts: int = 4000


@dataclass(slots=True)
class Settings:
    """What commands set and a restart forgets."""

    echo: bool
    memories: list[str]
    packed_ussd: bool
    csms: int = 0
    verbose: bool = True
    cmee: int = 0
    text_mode: bool = False
    cmms: int = 0
    cnmi: list[int] = field(default_factory=lambda: [0, 0, 0, 0, 0])
    creg: int = 0
    cscs: str = "GSM"
    cfun: int = 1
    clip: bool = False
    crc: bool = False
    cops_numeric: bool = False
    silenced: bool = False


def fresh_settings(personality: Personality) -> Settings:
    """What a family starts with."""
    packed = personality.ussd == "packed"
    return Settings(personality.echo, [personality.first_memory] * 3, packed, personality.csms_first)


@dataclass(slots=True)
class Counters:
    """What `stats` shows."""

    sent: int = 0
    ctrl_z: int = 0
    busy_s: float = 0.0
    commands: int = 0


def _refuse(value: str) -> set[str]:
    return {item.strip().upper() for item in value.split(",") if item.strip()}


def _one_of(*words: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in words:
            raise ValueError(value)
        return value

    return check


def _switch(value: str) -> bool:
    return _one_of("0", "1")(value) == "1"


def _off_switch(value: str) -> bool:
    return not _switch(value)


# How each knob is written on the command line, the attribute that it turns, and how its value is read.
KNOBS: Mapping[str, tuple[str, str, Callable[[str], object]]] = {
    "refuse": ("+CNUM,…", "refuse", _refuse),
    "cpin-slow": ("S", "cpin_slow_s", float),
    "signal": ("0–31", "signal", int),
    "no-iccid": ("0|1", "no_iccid", _switch),
    "no-number": ("0|1", "has_number", _off_switch),
    "roaming": ("0|1", "roaming", _switch),
    "creg-form": ("|".join(CREG_FORMS), "creg_form", _one_of(*CREG_FORMS)),
    "ussd": ("|".join(USSD_CODINGS), "ussd", _one_of(*USSD_CODINGS)),
    "reports-as": ("|".join(REPORT_STYLES), "reports_as", _one_of(*REPORT_STYLES)),
    "ack": ("|".join(ACKS), "ack", _one_of(*ACKS)),
    "pin-counter": ("READS", "pin_counter_reads", int),
    "new-name": ("0|1", "new_name", _switch),
    "iccid-swapped": ("0|1", "iccid_swapped", _switch),
    "sim-insert": ("|".join(SIM_INSERTS), "sim_insert", _one_of(*SIM_INSERTS)),
    "temperature": ("C", "temperature", int),
    "millivolts": ("MV", "millivolts", int),
}
CARD_KNOBS = {"balance": "AMOUNT", "report-status": "TP-ST,…"}
MODEM_KNOBS = {"imei": "15 DIGITS"}


def knob_forms() -> dict[str, str]:
    """Every knob and how its value is written."""
    return {name: form for name, (form, _, _) in KNOBS.items()} | MODEM_KNOBS | CARD_KNOBS


def turn(knobs: Knobs, knob: str, value: str) -> None:
    """Set one knob from text.

    Raises:
        ValueError: no such knob or value; the text says which there are.
    """
    if knob in KNOBS:
        _, attribute, read = KNOBS[knob]
        try:
            setattr(knobs, attribute, read(value))
        except ValueError:
            pass
        else:
            return
    shown = " ".join(f"{name}={form}" for name, form in knob_forms().items())
    raise ValueError(f"no knob {knob}={value}; there are: {shown}")


def turn_card(card: Card, knob: str, value: str) -> None:
    """Set what goes with the card: its balance (more than zero ends `no-credit`), the TP-ST of its reports.

    Raises:
        ValueError: that cannot be.
    """
    match knob:
        case "balance":
            card.balance = f"{float(value):.2f}"
            if float(value) > 0 and card.refuses[1] == "no-credit":
                card.refuses = (0, "")
        case "report-status":
            statuses = tuple(int(item, 0) for item in value.split(","))
            if not all(0 <= item <= 0xFF for item in statuses):
                raise ValueError("TP-ST is 0 to 255")
            card.report_statuses = statuses
