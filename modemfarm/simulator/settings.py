"""What one virtual modem carries: times, knobs, what commands set, and counts."""

from __future__ import annotations

from dataclasses import dataclass, field

from modemfarm.simulator.personality import Personality

CREG_FORMS = ("plain", "location", "bare", "act", "short")  # how +CREG looks, see `radio.creg_line`


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
    """

    refuse: set[str] = field(default_factory=set)
    cpin_slow_s: float = 0.0
    no_iccid: bool = False
    creg_form: str = "plain"
    roaming: bool = False
    signal: int = 20
    has_number: bool = True


@dataclass(slots=True)
class Settings:
    """What commands set and a restart forgets."""

    echo: bool
    memories: list[str]
    packed_ussd: bool
    verbose: bool = True
    cmee: int = 0
    text_mode: bool = False
    csms: int = 0
    cmms: int = 0
    cnmi: list[int] = field(default_factory=lambda: [0, 0, 0, 0, 0])
    creg: int = 0
    cscs: str = "GSM"
    cfun: int = 1
    cops_numeric: bool = False
    silenced: bool = False


def fresh_settings(personality: Personality) -> Settings:
    """What a family starts with."""
    first = personality.first_memory
    return Settings(personality.echo, [first] * 3, packed_ussd=personality.ussd_packed)


@dataclass(slots=True)
class Counters:
    """What `stats` shows."""

    sent: int = 0
    ctrl_z: int = 0
    busy_s: float = 0.0
    commands: int = 0


def turn(knobs: Knobs, knob: str, value: str) -> None:
    """Set one knob from text.

    Raises:
        ValueError: no such knob or value; the text says which there are.
    """
    switch = value == "1"
    match knob:
        case "refuse":
            knobs.refuse = {item.strip().upper() for item in value.split(",") if item.strip()}
        case "cpin-slow":
            knobs.cpin_slow_s = float(value)
        case "signal":
            knobs.signal = int(value)
        case "creg-form" if value in CREG_FORMS:
            knobs.creg_form = value
        case "no-iccid" if value in {"0", "1"}:
            knobs.no_iccid = switch
        case "no-number" if value in {"0", "1"}:
            knobs.has_number = not switch
        case "roaming" if value in {"0", "1"}:
            knobs.roaming = switch
        case _:
            raise ValueError(
                f"no knob {knob}={value}; there are: refuse=+CNUM,… cpin-slow=S signal=0–31 no-iccid=0|1 "
                f"no-number=0|1 roaming=0|1 creg-form={'|'.join(CREG_FORMS)}"
            )
