"""The faults that a virtual modem can be told to have: names, arguments, when they fire and what they do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modemfarm.simulator.answers import ERROR, Answer, cme, cms

# bring-up: a command from power-on until +CNMI was set or +CMGS came. prompt: +CMGS. ctrl-z: Ctrl-Z, and its result.
# idle: nothing goes on; of an answer, any other command. receiving: a message or report was announced; of an answer,
# a command that lists, reads or deletes. command: any answer.
PHASES = ("bring-up", "prompt", "ctrl-z", "idle", "receiving")
_STRIKE = ("now", "command", *PHASES)
_ANSWER = ("command", *PHASES)
_SHORT = {_STRIKE: "now, or any phase", _ANSWER: "any phase but now", ("now",): "now"}


@dataclass(frozen=True, slots=True)
class FaultKind:
    """What one fault means.

    Attributes:
        meaning: one sentence for --help.
        value: default of the number in ARG; None where without it the fault has no end or no number.
        phases: where it may fire; the first is the default. ``now`` acts at once.
        words: what else ARG may say.
        endless: without COUNT it fires until `clear`.
    """

    meaning: str
    value: float | None
    phases: tuple[str, ...]
    words: frozenset[str] = frozenset()
    endless: bool = False


_ACCEPTED = frozenset({"accepted"})
_FINALS = frozenset({"accepted", "na", "modem", "unsupported"})
_SUBMISSION = ("ctrl-z", *(phase for phase in _ANSWER if phase != "ctrl-z"))
_SHORT[_SUBMISSION] = "ctrl-z, or any phase but now"
_SENDING, _INCOMING = ("ctrl-z",), ("receiving",)
FAULTS: Mapping[str, FaultKind] = {
    # the modem or its port
    "hang": FaultKind("says nothing more for ARG seconds (none: until unplugged)", None, _STRIKE),
    "deaf": FaultKind(
        "answers nothing for ARG seconds (none: until restarted), goes on with unsolicited lines", None, _STRIKE
    ),
    "reboot": FaultKind("restarts, off for ARG seconds (none: as long as --reboot-ms)", None, _STRIKE),
    "brown-out": FaultKind("the supply gives in: restarts; after Ctrl-Z nothing was sent", None, _STRIKE),
    "boot-loop": FaultKind("restarts ARG times, a second after each start", 5.0, _STRIKE),
    "unplug": FaultKind("the port goes for ARG seconds (none: until replugged)", None, _STRIKE),
    "flap": FaultKind("the port goes and comes ARG times, a second each", 5.0, _STRIKE),
    # answers
    "no-answer": FaultKind("a command is done, its answer is lost", None, _ANSWER),
    "slow": FaultKind("an answer comes ARG seconds late", 5.0, _ANSWER),
    "noise": FaultKind("ARG random octets before an answer", 64.0, _ANSWER),
    "dribble": FaultKind("an answer comes one octet every ARG seconds", 0.01, _ANSWER),
    "glue": FaultKind("an answer is glued between two unsolicited lines", None, _ANSWER),
    "cms": FaultKind("+CMS ERROR: ARG", 500.0, _SUBMISSION, _ACCEPTED),
    "cme": FaultKind("+CME ERROR: ARG", 100.0, _SUBMISSION, _ACCEPTED),
    "error": FaultKind(
        "ERROR (ARG `na`: NA; `modem`: MODEM ERROR: 4; `unsupported`: COMMAND NOT SUPPORT)", None, _SUBMISSION, _FINALS
    ),
    # sending
    "no-prompt": FaultKind("+CMGS gets no prompt; until ESC the modem waits for the PDU", None, ("prompt",)),
    "early-ok": FaultKind("prompt and OK come together, nothing is sent", None, ("prompt",)),
    "lost-result": FaultKind(
        "accepted; the modem says no result (ARG `ok`: OK without +CMGS)", None, _SENDING, frozenset({"ok"})
    ),
    "late-result": FaultKind(
        "accepted; the result comes ARG seconds late (ARG `busy`: others wait)", 45.0, _SENDING, frozenset({"busy"})
    ),
    "no-send": FaultKind(
        "sends nothing: no result (ARG: that +CMS ERROR), all else works; until restarted (`stays`: until `clear`)",
        None, _SENDING, frozenset({"stays"}), endless=True,
    ),
    "barred": FaultKind("the network refuses what this SIM sends: +CMS ERROR: ARG", 10.0, _STRIKE),
    "no-credit": FaultKind("the same but to 10086, and the balance is 0.00, until `set N balance`", 50.0, _STRIKE),
    # the SIM and the network
    "pin": FaultKind("the SIM wants PIN ARG (`left=N`: tries left, default 3)", 1234.0, _STRIKE),
    "hasty-pin": FaultKind("a command within 3 s after the PIN restarts the modem", None, ("bring-up",), endless=True),
    "puk": FaultKind("the SIM is blocked and wants its PUK", None, _STRIKE),
    "no-sim": FaultKind("the SIM is out for ARG seconds (none: until cleared)", None, _STRIKE),
    "sim-swap": FaultKind("another SIM: that of modem ARG, which gets this one (none: a new card)", None, _STRIKE),
    "sim-busy": FaultKind("the SIM answers as right after power-on for ARG seconds", 10.0, _STRIKE),
    "no-smsc": FaultKind(
        "the SIM's service centre address is empty (`fixed`: +CSCA cannot set it)", None, _STRIKE, frozenset({"fixed"})
    ),
    "denied": FaultKind("registration denied for ARG seconds (none: until cleared)", None, _STRIKE),
    "no-network": FaultKind("searches a network for ARG seconds (none: until cleared)", None, _STRIKE),
    # receiving
    "store-full": FaultKind("old messages fill the store for new ones, ARG slots stay free", 0.0, _STRIKE),
    "undeletable": FaultKind(
        "slot ARG (none: any) stays after +CMGD said OK (`refused`: it says CMS 500)",
        None, _INCOMING, frozenset({"refused"}), endless=True,
    ),
    "sibling-delete": FaultKind("+CMGD of one part deletes the other parts too", None, _INCOMING, endless=True),
    "double-list": FaultKind("+CMGL lists everything twice", None, _INCOMING, endless=True),
    "cut-list": FaultKind("+CMGL ends after ARG messages", 1.0, _INCOMING, endless=True),
    "double-inbound": FaultKind("a message is stored and announced twice", None, _INCOMING),
    "blank-cmti": FaultKind("a message is announced as `+CMTI: ,-1`", None, _INCOMING),
    "no-cmti": FaultKind("a message or report is stored without a word", None, _INCOMING),
    "stall": FaultKind("after the store was full nothing is received until restarted", None, _INCOMING),
    "flood": FaultKind("ARG unsolicited lines a second, for COUNT seconds (default 5)", 200.0, _STRIKE),
    "clear": FaultKind("ends every fault of the modem; a SIM that is out comes back (a PIN stays)", None, ("now",)),
}  # fmt: skip
STRIKES = frozenset(name for name, kind in FAULTS.items() if kind.phases[0] == "now" and name != "clear")
ERRORS = frozenset({"cms", "cme", "error"})


@dataclass(slots=True)
class Fault:
    """One fault in force.

    Attributes:
        value: the number in ARG, or the default.
        digits: ARG's number as typed; a PIN keeps its leading zeros.
        left: firings still to come; 0 is without end.
        after_s: an error comes so much later than it would.
        tries: what ``left=`` said.
        skip: occasions to let pass first.
    """

    name: str
    value: float | None
    digits: str
    words: frozenset[str]
    phase: str
    after_s: float
    left: int
    tries: int = 3
    skip: int = 0


def error_of(fault: Fault) -> Answer:
    """The answer that a fault of ERRORS gives."""
    code = int(fault.value or 0)
    if fault.name == "cms":
        return cms(code)
    if fault.name == "cme":
        return cme(code)
    finals = {"na": "NA", "modem": "MODEM ERROR: 4", "unsupported": "COMMAND NOT SUPPORT"}
    final = next((finals[word] for word in fault.words if word in finals), "")
    return Answer(final=final) if final else ERROR


def parse_fault(name: str, arg: str = "", count: int | None = None) -> Fault:
    """A fault from what was typed.

    Args:
        arg: ``[NUMBER][,WORD][,after=SECONDS][,left=TRIES][@PHASE[+SKIP]]``.
        count: firings; 0 is without end, None is one, or endless where the fault is so by nature.

    Raises:
        ValueError: a name, phase or word that there is not; its text says which there are.
    """
    kind = FAULTS.get(name)
    if kind is None:
        raise ValueError(f"there is no fault {name!r}; there are: {' '.join(FAULTS)}")
    rest, _, place = arg.partition("@")
    phase, _, skip = place.partition("+")
    value, digits, after_s, tries = kind.value, "", 0.0, 3
    words: set[str] = set()
    for item in filter(None, rest.split(",")):
        if item.startswith("after="):
            after_s = float(item.removeprefix("after="))
        elif name == "pin" and item.startswith("left="):
            tries = int(item.removeprefix("left="))
        elif item in kind.words:
            words.add(item)
        else:
            try:
                value, digits = float(item), item
            except ValueError:
                raise ValueError(f"{name} does not know {item!r}") from None
    if phase and phase not in kind.phases:
        raise ValueError(f"{name} can fire at: {' '.join(kind.phases)}")
    left = (0 if kind.endless else 1) if count is None else count
    at = phase or kind.phases[0]
    return Fault(name, value, digits, frozenset(words), at, after_s, left, tries, int(skip or 0))


def describe() -> str:
    """The table for --help, a fault a paragraph."""
    lines = [
        "ARG is [NUMBER][,WORD][,after=SECONDS][@PHASE[+SKIP]]; COUNT is how often it fires (1; 0: until `clear`).",
        "Each firing is a line in the log with name and phase. SKIP lets so many occasions pass first. The phases:",
        "now       at once",
        "bring-up  at a command, from power-on until +CNMI was set or +CMGS came",
        "prompt    at +CMGS, instead of the prompt or of its clean form",
        "ctrl-z    at Ctrl-Z, or in its result",
        "idle      when nothing goes on; of answers: to any other command",
        "receiving when a message or report was announced; of answers: to listing, reading, deleting",
        "command   at any command or answer",
        "After Ctrl-Z an error means that the network did not take the message, unless ARG says `accepted`;",
        "`after=40` says it 40 seconds later; `@prompt` says it instead of the prompt.",
        "",
    ]
    for name, kind in FAULTS.items():
        default = "" if kind.value is None else f" [default {kind.value:g}]"
        default += " [until `clear`]" if kind.endless else ""
        at = f" [{_SHORT.get(kind.phases, '|'.join(kind.phases))}]"
        lines.append(f"{name}: {kind.meaning}{default}{at}")
    return "\n".join(lines)
