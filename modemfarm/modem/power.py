"""What modems say of too little power and too much heat: lines they send by themselves, and levels that were read."""

from __future__ import annotations

import re

from modemfarm.modem.family import Urcs, says

WARNINGS = ("under_voltage", "over_voltage", "too_hot", "too_cold", "power")

# Modules run from one lithium cell's voltage and give up near 3.2 to 3.4 V (SIM800, EC25 and ME909 hardware guides).
# What is above 4.5 V is the stick's own supply, which says nothing of the module's.
_TOO_LOW_MV = range(2500, 3300)
_TOO_HOT_C = 80  # the guides promise normal work to 75 or 85 °C; what is hotter inside will not stay up

_TEMPERATURE = re.compile(r"[+^](?:CMTE|THERM)\s*:\s*(-?\d+)")


def of_line(line: str, urcs: Urcs) -> str:
    """Which of WARNINGS a line means; "" for none.

    A modem that goes down for want of power says so with the line that a restart begins with.
    """
    if not says(line, (*urcs.power, *urcs.reboot)):
        return ""
    words = re.sub(r"[^A-Z]+", "", line.upper())
    if "UNDERVOLTAGE" in words:
        return "under_voltage"
    if "OVERVOLTAGE" in words:
        return "over_voltage"
    level = _TEMPERATURE.match(line)
    if level is not None:
        return "too_hot" if int(level[1]) > 0 else "too_cold" if int(level[1]) < 0 else ""
    return "power" if says(line, urcs.power) else ""


def of_readings(temperature_c: int | None, voltage_mv: int | None) -> str:
    """Which of WARNINGS these levels mean; "" for none."""
    if voltage_mv is not None and voltage_mv in _TOO_LOW_MV:
        return "under_voltage"
    return "too_hot" if temperature_c is not None and temperature_c >= _TOO_HOT_C else ""
