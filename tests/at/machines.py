"""AT machines in the states that tests begin from."""

from __future__ import annotations

from modemfarm.at.events import Command, Prompt
from modemfarm.at.machine import AtMachine
from modemfarm.at.urcs import GENERIC_URCS

PDU = "0011000C91947110325476000001E1"
CMGS = Command("+CMGS=14", body=PDU.encode() + b"\x1a")
CSQ = Command("+CSQ", info=("+CSQ:",))
REPORT = "00062A0C91947110325476623092100351806230921013748001"
URCS = GENERIC_URCS.adding(["^RSSI:", "SMS Ready", "+WIND:"])


def machine(command: Command | None = None) -> AtMachine:
    result = AtMachine(URCS)
    if command is not None:
        result.send(command)
    return result


def submitted() -> AtMachine:
    """A machine whose PDU was just written."""
    result = machine(CMGS)
    assert result.receive(b"\r\n> ") == [Prompt()]
    assert result.write_body() == CMGS.body
    return result
