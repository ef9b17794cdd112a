"""From a command line to its answer: the handler, the fault of the phase, and how the octets are spoilt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modemfarm.simulator import vendor
from modemfarm.simulator.answers import OK, Answer, Request
from modemfarm.simulator.commands import HANDLERS
from modemfarm.simulator.faults import ERRORS, error_of

if TYPE_CHECKING:
    from modemfarm.simulator.virtual import VirtualModem

_PIN_PAUSE_S = 3.0  # Huawei: sooner, some sticks restart [MM]
_SUBMITTING = frozenset({"+CMGS"})
_READING = frozenset({"+CMGL", "+CMGR", "+CMGD", "+CNMA"})


def phase_of(modem: VirtualModem, requests: list[Request]) -> str:
    """The phase of a fault that this command line belongs to."""
    names = {request.name for request in requests}
    if names & _SUBMITTING:
        return "prompt"
    if not modem.brought_up:
        return "bring-up"
    return "receiving" if names & _READING else "idle"


def command(modem: VirtualModem, requests: list[Request]) -> None:
    """Do one command line, perhaps later, and say the answer."""
    modem.counters.commands += 1
    modem.doing = phase_of(modem, requests)
    if modem.deaf and not _restarts(modem, requests):
        return
    delay_s = 0.0
    if modem.faults:
        phase = "bring-up" if modem.doing == "bring-up" else "command"
        if modem.doing != "prompt" and modem.troubles.strike(phase):
            return
        if modem.now - modem.pin_at < _PIN_PAUSE_S and modem.fault_at("bring-up", "hasty-pin") is not None:
            modem.restart()
            return
        if (fault := modem.fault_at(modem.doing, "slow")) is not None:
            delay_s = fault.value or 0.0
    if modem.knobs.cpin_slow_s and any(item.name == "+CPIN" for item in requests):
        delay_s += modem.knobs.cpin_slow_s
    if delay_s:
        modem.hold()
        modem.later(delay_s, _delayed, modem, requests)
    else:
        _answer(modem, requests)


def _restarts(modem: VirtualModem, requests: list[Request]) -> bool:
    """A modem that stopped answering still hears what restarts it (CD)."""
    return any(f"{item.name}={item.arguments}".rstrip("=") in modem.personality.restart for item in requests)


def _delayed(modem: VirtualModem, requests: list[Request]) -> None:
    _answer(modem, requests)
    modem.go_on()


def _answer(modem: VirtualModem, requests: list[Request]) -> None:
    epoch = modem.epoch
    answer = None
    if modem.faults and modem.doing != "prompt" and (fault := modem.fault_at(modem.doing, *ERRORS)) is not None:
        answer = error_of(fault)
    answer = answer or perform(modem, requests)
    if modem.epoch == epoch:  # it did not restart over it
        modem.finish(answer)


def perform(modem: VirtualModem, requests: list[Request]) -> Answer:
    """The answer to one command line (ITU-T V.250 §5.2.4: it ends at the first that fails)."""
    lines: list[str] = []
    answer = OK
    for request in requests:
        if request.name in modem.knobs.refuse:
            answer = Answer(final="ERROR")
        else:
            own = vendor.answer(modem, request)
            handler = HANDLERS.get(request.name)
            if own is not None:
                answer = own
            elif handler is None:
                answer = Answer(final=modem.personality.unknown_command)
            else:
                answer = handler(modem, request)
        lines += answer.lines
        if answer.final != "OK":
            break
    return Answer(tuple(lines), answer.final, answer.code)


def spoil(modem: VirtualModem, text: str, phase: str) -> str:
    """An answer as the faults of its phase leave it; "" when it comes in another way or not at all."""
    if phase != "ctrl-z" and modem.fault_at(phase, "no-answer") is not None:
        return ""
    if modem.fault_at(phase, "glue") is not None:
        chatter = modem.personality.chatter
        line = chatter[0] if chatter else f"+CREG: {modem.registration}"
        end = "" if text.endswith("> ") else "\r\n"
        text = f"{line}{text if not end else text.rstrip()}{end}{line}{end}"
    if (fault := modem.fault_at(phase, "noise")) is not None:
        text = modem.rng.randbytes(int(fault.value or 0)).decode("latin-1") + text
    if (fault := modem.fault_at(phase, "dribble")) is not None:
        modem.speech.dribble(text.encode("latin-1", "replace"), fault.value or 0.0)
        return ""
    return text
