"""Reads what vendors answer about card, network and health; profiles name the function that fits.

Every function gets what stands behind the answer's prefix, one item a line, and gives None for what it cannot read:
a reading that is missing harms nobody, a wrong one does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from modemfarm.at.events import Command
from modemfarm.at.replies import fields, parse_cnum, parse_csq, parse_iccid

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_MOST_TRIES = 10  # a PUK has ten, a PIN three (TS 102 221 §9.5.1)
_DBM = range(-140, -19)

# Words by which modems name the access technology, longest meaning first.
_GENERATIONS = (
    ("5G", r"\bNR|5G"),
    ("4G", r"LTE|E-?UTRA|4G|CAT-?M|NB-?IOT"),
    ("3G", r"WCDMA|UMTS|HS[DU]?PA|TD-?SCDMA|3G|UTRA"),
    ("2G", r"GSM|GPRS|EDGE|EGPRS|2G"),
)


@dataclass(frozen=True, slots=True)
class Query:
    """A command whose reply holds one wanted value.

    Attributes:
        command: without "AT".
        prefix: of the reply line; "" when the value stands alone, or on lines of its own.
        parser: name of the function that reads it.
        field: index of the value among the comma-separated fields behind the prefix, for parsers that ask.
    """

    command: str
    prefix: str
    parser: str
    field: int = 0

    @property
    def line(self) -> Command:
        """As the link sends it."""
        return Command(self.command, info=(self.prefix,) if self.prefix else ())

    def rests(self, lines: Sequence[str] | None) -> list[str]:
        """What stands behind the prefix."""
        return [line[len(self.prefix) :].strip() for line in lines or () if line.startswith(self.prefix)]


def _number_at(rest: str, field: int) -> float | None:
    values = fields(rest)
    if field >= len(values) or _NUMBER.fullmatch(values[field]) is None:
        return None
    return float(values[field])


# --- PIN: how many tries the code SIM PIN has left


def _tries_field(rests: Sequence[str], field: int) -> int | None:
    return next((int(left) for rest in rests if (left := _number_at(rest, field)) is not None), None)


def _tries_cpinr(rests: Sequence[str], _field: int) -> int | None:
    """``+CPINR: SIM PIN,<left>[,<default>]``, quoted or not (TS 27.007 §8.65)."""
    return _tries_field([rest for rest in rests if fields(rest)[0].upper() == "SIM PIN"], 1)


def _tries_qpinc(rests: Sequence[str], _field: int) -> int | None:
    """``+QPINC: "SC",<pin>,<puk>``; "P2" is another code (EC25 AT manual)."""
    return _tries_field([rest for rest in rests if fields(rest)[0].upper() == "SC"], 1)


def _tries_huawei(rests: Sequence[str], _field: int) -> int | None:
    """``^CPIN: <code>,<n>,<puk>,<pin>,<puk2>,<pin2>``; a shorter line says nothing (ModemManager huawei plugin)."""
    return _tries_field([rest for rest in rests if len(fields(rest)) >= 6], 3)


PIN_TRIES: Mapping[str, Callable[[Sequence[str], int], int | None]] = {
    "field": _tries_field,
    "cpinr": _tries_cpinr,
    "qpinc": _tries_qpinc,
    "huawei_cpin": _tries_huawei,
}


def pin_tries(query: Query, lines: Sequence[str] | None) -> int | None:
    """Tries left; None where the answer does not surely say so: no PIN is risked on a guess."""
    left = PIN_TRIES[query.parser](query.rests(lines), query.field)
    return left if left is not None and 0 <= left <= _MOST_TRIES else None


# --- card: its number and the subscriber's


def _iccid_digits(lines: Sequence[str]) -> str | None:
    return parse_iccid([line for line in lines if not line.startswith("+CRSM:")])


def _iccid_crsm(lines: Sequence[str]) -> str | None:
    """EF-ICCID holds the number nibble-swapped (TS 102 221 §13.2)."""
    return parse_iccid([line for line in lines if line.startswith("+CRSM:")])


ICCIDS: Mapping[str, Callable[[Sequence[str]], str | None]] = {"digits": _iccid_digits, "crsm": _iccid_crsm}


def iccid(query: Query, lines: Sequence[str] | None) -> str | None:
    """The card's number; modems of one family differ in whether they print the prefix."""
    return ICCIDS[query.parser](lines or ())


OWN_NUMBERS: Mapping[str, Callable[[Sequence[str]], str | None]] = {"cnum": parse_cnum}


def own_number(query: Query, lines: Sequence[str] | None) -> str | None:
    """The SIM's own number where it holds one."""
    return OWN_NUMBERS[query.parser](lines or ())


# --- signal, in dBm


def _csq(rests: Sequence[str], _field: int) -> float | None:
    return next((dbm for rest in rests if (dbm := parse_csq(f"+CSQ: {rest}")) is not None), None)


def _cesq(rests: Sequence[str], _field: int) -> float | None:
    """``+CESQ: rxlev,ber,rscp,ecno,rsrq,rsrp``: the first that is known (TS 27.007 §8.69)."""
    for rest in rests:
        for field, most, offset in ((0, 63, -111), (2, 96, -121), (5, 97, -141)):
            value = _number_at(rest, field)
            if value is not None and 0 <= value <= most:
                return value + offset
    return None


def _hcsq(rests: Sequence[str], _field: int) -> float | None:
    """``^HCSQ: "LTE",rssi,…`` in steps above −121 dBm; 255 is unknown (ModemManager huawei plugin)."""
    values = [value for rest in rests if (value := _number_at(rest, 1)) is not None and 0 <= value <= 96]
    return values[0] - 121 if values else None


def _dbm_field(rests: Sequence[str], field: int) -> float | None:
    return next((value for rest in rests if (value := _number_at(rest, field)) is not None), None)


def _rssi_named(rests: Sequence[str], _field: int) -> float | None:
    """``RSSI (dBm): -61`` somewhere in a table of keys and values (Sierra !GSTATUS?)."""
    match = re.search(r"RSSI(?:\s*\(dBm\))?\s*:\s*(-\d+)", "\n".join(rests))
    return float(match[1]) if match else None


SIGNALS: Mapping[str, Callable[[Sequence[str], int], float | None]] = {
    "csq": _csq,
    "cesq": _cesq,
    "hcsq": _hcsq,
    "dbm": _dbm_field,
    "rssi_named": _rssi_named,
}


def signal_dbm(query: Query, lines: Sequence[str] | None) -> int | None:
    """Signal strength; None where the modem does not tell or tells nonsense."""
    value = SIGNALS[query.parser](query.rests(lines), query.field)
    return round(value) if value is not None and round(value) in _DBM else None


# --- access technology


def generation(name: str) -> str | None:
    """``2G`` to ``5G`` for a technology by any of its names."""
    return next((found for found, words in _GENERATIONS if re.search(words, name.upper())), None)


def _tech_name(rests: Sequence[str], field: int) -> str | None:
    names = (values[field] for rest in rests if len(values := fields(rest)) > field)
    return next((found for name in names if (found := generation(name)) is not None), None)


def _tech_coded(codes: Mapping[int, str]) -> Callable[[Sequence[str], int], str | None]:
    def parse(rests: Sequence[str], field: int) -> str | None:
        values = (_number_at(rest, field) for rest in rests)
        return next((codes.get(int(value)) for value in values if value is not None), None)

    return parse


TECHNOLOGIES: Mapping[str, Callable[[Sequence[str], int], str | None]] = {
    "name": _tech_name,
    # <sys_mode> of older Huawei sticks (asterisk-chan-dongle, ModemManager)
    "sysinfo": _tech_coded({3: "2G", 5: "3G", 7: "3G", 15: "3G"}),
    # SIM7500/7600 AT manual, +CNSMOD
    "cnsmod": _tech_coded({1: "2G", 2: "2G", 3: "2G", 4: "3G", 5: "3G", 6: "3G", 7: "3G", 8: "4G"}),
    # Telit AT manuals, #PSNT <nt>
    "psnt": _tech_coded({0: "2G", 1: "2G", 2: "3G", 3: "3G", 4: "4G"}),
}


def technology(query: Query, lines: Sequence[str] | None) -> str | None:
    """``2G`` to ``5G``."""
    return TECHNOLOGIES[query.parser](query.rests(lines), query.field)


# --- temperature and voltage


def _last_number(rests: Sequence[str], _field: int) -> float | None:
    found = _NUMBER.findall(" ".join(rests))
    return float(found[-1]) if found else None


def _tenths(rests: Sequence[str], field: int) -> float | None:
    value = _dbm_field(rests, field)
    return value / 10 if value is not None else None


NUMBERS: Mapping[str, Callable[[Sequence[str], int], float | None]] = {
    "number": _dbm_field,
    "last_number": _last_number,
    "tenths": _tenths,
}


def number(query: Query, lines: Sequence[str] | None) -> float | None:
    """A plain number."""
    return NUMBERS[query.parser](query.rests(lines), query.field)


def temperature_c(query: Query, lines: Sequence[str] | None) -> int | None:
    """Degrees Celsius; what no working modem has is no reading (Huawei says 65535 for unknown)."""
    value = number(query, lines)
    return round(value) if value is not None and -40 <= value <= 125 else None


def voltage_mv(query: Query, lines: Sequence[str] | None) -> int | None:
    """Millivolts; modems tell volts or millivolts."""
    value = number(query, lines)
    if value is None:
        return None
    millivolts = round(value * 1000 if value < 100 else value)
    return millivolts if 2500 <= millivolts <= 15_000 else None


PARSERS: Mapping[str, Mapping[str, object]] = {
    "iccid": ICCIDS,
    "own_number": OWN_NUMBERS,
    "pin_counter": PIN_TRIES,
    "signal": SIGNALS,
    "technology": TECHNOLOGIES,
    "temperature": NUMBERS,
    "voltage": NUMBERS,
    "ready": NUMBERS,
}
"""Which functions each key of a profile may name."""
