"""The cells of the matrix: each fault in each phase, what it needs, who ends it, and which cells cannot be."""

from __future__ import annotations

from collections.abc import Mapping

from modemfarm.simulator.faults import FAULTS, PHASES
from modemfarm.simulator.personality import FAMILIES

NAMES = tuple(name for name in FAULTS if name != "clear")  # `clear` ends faults, it is none
ORDER = tuple(FAMILIES)

# ARG of each fault where the simulator's default would be no fault, or would last until somebody comes.
ARGUMENTS: Mapping[str, str] = {
    "hang": "45",
    "unplug": "10",
    "no-sim": "30",
    "denied": "60",
    "no-network": "60",
    "pin": "1234",
}
COUNTS: Mapping[str, int] = {"hasty-pin": 1}
# Faults that need another one to be possible at all, struck just before.
NEEDS: Mapping[str, str] = {
    "hasty-pin": "pin",
    "stall": "store-full",
    "double-list": "no-cmti",
    "cut-list": "no-cmti",
}

# Faults that strike again by themselves, and how often in all.
ROUNDS: Mapping[str, int] = {"boot-loop": 5, "flap": 5}

# What only a person or the operator can end, and how the matrix does it. All else ends without help.
PERSON: Mapping[str, str] = {
    "puk": "the owner unlocks the card in a phone",
    "barred": "the operator lifts the bar, the owner resumes the SIM",
    "no-credit": "the owner pays, and resumes the SIM",
    "no-smsc": "the owner writes the service centre's address to the card",
}

_ONE = "it is something that happens to AT+CMGS itself"
_AFTER = "it is something that happens to a message that had its Ctrl-Z"
_STORED = "it is something that happens to received messages"
IMPOSSIBLE: Mapping[str, str] = {
    "no-prompt": _ONE,
    "early-ok": _ONE,
    "lost-result": _AFTER,
    "late-result": _AFTER,
    "no-send": _AFTER,
    "hasty-pin": "the PIN is entered while the modem is brought up, at no other time",
    "undeletable": _STORED,
    "sibling-delete": _STORED,
    "double-list": _STORED,
    "cut-list": _STORED,
    "double-inbound": _STORED,
    "blank-cmti": _STORED,
    "no-cmti": _STORED,
    "stall": _STORED,
}
# Cells that can be and whose promise is not kept: (fault, phases, families) with what is missing; "" is all. What stands
# here is not played; `test_cells.py` holds the list to its length, so that it grows by no accident.
OPEN: Mapping[tuple[str, str, str], str] = {
    ("pin", "", "a9 generic"): "the PIN's tries cannot be read there, so none is tried: a person unlocks the card",
    ("pin", "", "neoway"): "it sees a card only after a restart, and nothing restarts it for that",
    ("no-sim", "", "neoway"): "it sees a card only after a restart, and nothing restarts it for that",
    ("sim-swap", "", "neoway"): "it sees a card only after a restart, and nothing restarts it for that",
    (
        "sim-swap",
        "prompt ctrl-z idle receiving",
        "zte sierra ublox mtk a9 generic",
    ): "a card changed under power by a modem that says nothing of it is not noticed",
    ("pin", "prompt ctrl-z", ""): "the SIM stays parked when the card is open again, until a person resumes it",
    ("no-sim", "prompt ctrl-z", ""): "the SIM stays parked when the card is back, until a person resumes it",
    ("hasty-pin", "", ""): "the ledger blocks a PIN after which the modem restarted: a person releases it",
    ("no-send", "", ""): "two messages without a result park the SIM; the modem is not restarted",
    ("stall", "", ""): "a modem that receives nothing after its store was full is not noticed",
}


def open_reason(name: str, phase: str, family: str) -> str:
    """Why this cell's promise is not kept; "" where it is."""
    for (fault, phases, families_), reason in OPEN.items():
        if fault == name and (not phases or phase in phases.split()) and (not families_ or family in families_.split()):
            return reason
    return ""


def possible() -> list[tuple[str, str]]:
    """Every fault in every phase that the simulator can let it fire in."""
    return [(name, phase) for name in NAMES for phase in PHASES if phase in FAULTS[name].phases]


def impossible() -> dict[tuple[str, str], str]:
    """Every other fault and phase, with the reason."""
    here = set(possible())
    return {(name, phase): IMPOSSIBLE[name] for name in NAMES for phase in PHASES if (name, phase) not in here}


def families(name: str, phase: str) -> tuple[str, ...]:
    """Those on which this fault is played in this phase."""
    return tuple(family for family in ORDER if not open_reason(name, phase, family))


def played() -> list[tuple[str, str]]:
    """The fault and phase of every farm that is played."""
    return [(name, phase) for name, phase in possible() if families(name, phase)]
