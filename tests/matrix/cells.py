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
# A PIN is entered where the card's counter shows more than one try left; these families show none.
LOCKS = frozenset({"pin", "hasty-pin"})
UNCOUNTING = ("neoway", "a9")
UNCOUNTED = "the tries left cannot be read, so none is made: the owner takes the PIN off in a phone"

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
# Faults that need somebody to provoke them, and why we do not: the cell is played, and they may not fire.
SPARED: Mapping[str, str] = {"hasty-pin": "nothing is asked for 3 s after a PIN"}
# What comes while a modem restarts is lost with it: the cell asks for the network's yes, not for the report.
REPORTLESS: Mapping[str, str] = {"stall": "a modem that starts takes reports before it is told to show them"}


def person(name: str, family: str) -> str:
    """Who ends this fault on this family, and how; "" where it ends without help."""
    return PERSON.get(name, "") or (UNCOUNTED if name in LOCKS and family in UNCOUNTING else "")


def possible() -> list[tuple[str, str]]:
    """Every fault in every phase that the simulator can let it fire in."""
    return [(name, phase) for name in NAMES for phase in PHASES if phase in FAULTS[name].phases]


def impossible() -> dict[tuple[str, str], str]:
    """Every other fault and phase, with the reason."""
    here = set(possible())
    return {(name, phase): IMPOSSIBLE[name] for name in NAMES for phase in PHASES if (name, phase) not in here}
