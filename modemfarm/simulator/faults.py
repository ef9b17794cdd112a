"""The faults that a virtual modem can be told to have: names, arguments, when they fire and what they do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SUBMISSION_PHASES = ("prompt", "ctrl-z")


@dataclass(frozen=True, slots=True)
class FaultKind:
    """What one fault means.

    Attributes:
        meaning: one sentence for --help.
        value: default of the number in ARG; None where without it the fault has no end or no number.
        phases: where it may fire; the first is the default. ``now`` acts at once.
        words: what else ARG may say.
    """

    meaning: str
    value: float | None
    phases: tuple[str, ...]
    words: frozenset[str] = frozenset()


_ACCEPTED = frozenset({"accepted"})
_BUSY = frozenset({"busy"})
_ANY = ("now", "command", "prompt", "ctrl-z")
FAULTS: Mapping[str, FaultKind] = {
    "hang": FaultKind("says nothing more for ARG seconds (none: until unplugged)", None, _ANY),
    "lost-result": FaultKind(
        "accepted; the modem says no result (ARG `ok`: OK without +CMGS)", None, ("ctrl-z",), frozenset({"ok"})
    ),
    "late-result": FaultKind(
        "accepted; the result comes ARG seconds late (ARG `busy`: others wait)", 45.0, ("ctrl-z",), _BUSY
    ),
    "cms": FaultKind("+CMS ERROR: ARG", 500.0, ("ctrl-z", "prompt"), _ACCEPTED),
    "cme": FaultKind("+CME ERROR: ARG", 100.0, ("ctrl-z", "prompt"), _ACCEPTED),
    "error": FaultKind("bare ERROR", None, ("ctrl-z", "prompt"), _ACCEPTED),
    "noise": FaultKind("ARG random octets before an answer", 64.0, ("command",)),
    "dribble": FaultKind("an answer comes one octet every ARG seconds", 0.01, ("command",)),
    "glue": FaultKind("an answer is glued between two unsolicited lines", None, ("command",)),
    "no-prompt": FaultKind("+CMGS gets no prompt; until ESC the modem waits for the PDU", None, ("prompt",)),
    "store-full": FaultKind("old messages fill the store for new ones, ARG slots stay free", 0.0, ("now",)),
    "pin": FaultKind("the SIM wants PIN ARG", 1234.0, ("now",)),
    "no-sim": FaultKind("the SIM is out for ARG seconds (none: until cleared)", None, ("now",)),
    "sim-swap": FaultKind("another SIM: that of modem ARG, which gets this one (none: a new card)", None, ("now",)),
    "denied": FaultKind("registration denied for ARG seconds (none: until cleared)", None, ("now",)),
    "slow": FaultKind("an answer comes ARG seconds late", 5.0, ("command",)),
    "flood": FaultKind("ARG unsolicited lines a second, for COUNT seconds (default 5)", 200.0, ("now",)),
    "reboot": FaultKind("restarts, off for ARG seconds (none: as long as --reboot-ms)", None, _ANY),
    "clear": FaultKind("ends every fault of the modem; a SIM that is out comes back (a PIN stays)", None, ("now",)),
}  # fmt: skip


@dataclass(slots=True)
class Fault:
    """One fault in force.

    Attributes:
        value: the number in ARG, or the default.
        digits: ARG's number as typed; a PIN keeps its leading zeros.
        left: firings still to come; 0 is without end.
        after_s: an error comes so much later than it would.
    """

    name: str
    value: float | None
    digits: str
    words: frozenset[str]
    phase: str
    after_s: float
    left: int


def parse_fault(name: str, arg: str = "", count: int | None = None) -> Fault:
    """A fault from what was typed.

    Args:
        arg: ``[NUMBER][,WORD][,after=SECONDS][@PHASE]``.
        count: firings; 0 is without end, None is one.

    Raises:
        ValueError: a name, phase or word that there is not; its text says which there are.
    """
    kind = FAULTS.get(name)
    if kind is None:
        raise ValueError(f"there is no fault {name!r}; there are: {' '.join(FAULTS)}")
    rest, _, phase = arg.partition("@")
    value, digits, after_s = kind.value, "", 0.0
    words: set[str] = set()
    for item in filter(None, rest.split(",")):
        if item.startswith("after="):
            after_s = float(item.removeprefix("after="))
        elif item in kind.words:
            words.add(item)
        else:
            try:
                value, digits = float(item), item
            except ValueError:
                raise ValueError(f"{name} does not know {item!r}") from None
    if phase and phase not in kind.phases:
        raise ValueError(f"{name} can fire at: {' '.join(kind.phases)}")
    return Fault(name, value, digits, frozenset(words), phase or kind.phases[0], after_s, 1 if count is None else count)


def describe() -> str:
    """The table for --help, a fault a paragraph."""
    lines = [
        "ARG is [NUMBER][,WORD][,after=SECONDS][@PHASE]; COUNT: how often it fires (default 1; 0: until `clear`).",
        "After Ctrl-Z an error means that the network did not take the message, unless ARG says `accepted`;",
        "`after=40` says it 40 seconds later; `@prompt` says it instead of the prompt.",
        "",
    ]
    for name, kind in FAULTS.items():
        default = "" if kind.value is None else f" [default {kind.value:g}]"
        at = "" if kind.phases == ("now",) else f" [{'|'.join(kind.phases)}]"
        lines.append(f"{name}: {kind.meaning}{default}{at}")
    return "\n".join(lines)
