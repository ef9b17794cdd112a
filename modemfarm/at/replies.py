"""Reads the information lines that modems answer with; what cannot be read is None or left out, never an error."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from modemfarm.model import normal_iccid

_FIELD = re.compile(r'\s*(?:"([^"]*)"?|([^,]*?))\s*(?:,|$)')
_RANGE = re.compile(r"(\d+)\s*-\s*(\d+)|(\d+)")


def after(line: str, prefix: str) -> str | None:
    """What follows a prefix, stripped; None when the line does not begin with it."""
    return line[len(prefix) :].strip() if line.startswith(prefix) else None


def fields(text: str) -> list[str]:
    """The comma-separated fields, quotes removed, commas in quotes kept; an absent field is ""."""
    found: list[str] = []
    at = 0
    while at <= len(text):
        match = _FIELD.match(text, at)
        if match is None:
            found.append(text[at:].strip())
            break
        found.append((match[1] if match[1] is not None else match[2]).strip())
        if match.end() >= len(text) and not match[0].rstrip().endswith(","):
            break
        at = match.end()
    return found


def _number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


@dataclass(frozen=True, slots=True)
class Registration:
    """Registration as +CREG, +CGREG or +CEREG tell it.

    Attributes:
        domain: ``CREG``, ``CGREG``, ``CEREG`` or ``C5GREG``.
        state: ``home roaming searching denied none unknown``; SMS-only states count as what they register.
        sms_only: registered for SMS only (TS 27.007 §7.2, <stat> 6 and 7).
    """

    domain: str
    state: str
    lac: str | None = None
    cell: str | None = None
    technology: str | None = None
    sms_only: bool = False


_STATES = {
    0: "none", 1: "home", 2: "searching", 3: "denied", 4: "unknown", 5: "roaming",
    6: "home", 7: "roaming", 8: "none", 9: "home", 10: "roaming",
}  # fmt: skip
# TS 27.007 §7.3 <AcT>
_TECHNOLOGIES = {
    0: "2G", 1: "2G", 2: "3G", 3: "2G", 4: "3G", 5: "3G", 6: "3G", 7: "4G", 8: "2G", 9: "4G",
    10: "4G", 11: "5G", 12: "5G", 13: "5G",
}  # fmt: skip


def parse_registration(line: str) -> Registration | None:
    """Any form of +CREG, +CGREG, +CEREG: answer or URC, with or without cell, hex with or without quotes.

    An answer begins with <n>, a URC with <stat>. ``+CREG: 2,1`` is an answer. ``+CREG: 1,"00C3","A1B2"`` is a URC:
    its second field is quoted or longer than one <stat> can be.

    Source: TS 27.007 §7.2, §10.1.20, §10.1.22.
    """
    match = re.match(r"\+(CREG|CGREG|CEREG|C5GREG):\s*(.*)", line)
    if match is None:
        return None
    raw = [part.strip() for part in match[2].split(",")]
    values = [part.strip('"').strip() for part in raw]
    if len(values) >= 2 and '"' not in raw[1] and _number(values[1]) in _STATES and len(values[1]) <= 2:
        raw, values = raw[1:], values[1:]
    stat = _number(values[0])
    if stat is None or stat not in _STATES:
        return None
    act = _number(values[3]) if len(values) > 3 and len(values[3]) <= 2 else None
    return Registration(
        domain=match[1],
        state=_STATES[stat],
        lac=(values[1] or None) if len(values) > 1 else None,
        cell=(values[2] or None) if len(values) > 2 else None,
        technology=_TECHNOLOGIES.get(act) if act is not None else None,
        sms_only=stat in (6, 7),
    )


def parse_csq(line: str) -> int | None:
    """Signal in dBm from +CSQ, −113 to −51; None when unknown (99) or unreadable (TS 27.007 §8.5)."""
    rest = after(line, "+CSQ:")
    level = _number(re.split(r"[,.]", rest)[0]) if rest else None
    if level is None:
        return None
    if level <= 31:
        return -113 + 2 * level
    return level - 216 if 100 <= level <= 191 else None  # TD-SCDMA scale of some modems: RSCP −116 to −25 dBm


@dataclass(frozen=True, slots=True)
class Operator:
    """The operator as +COPS? tells it; `name` is a number where format 2 was asked."""

    mode: int
    name: str | None
    technology: str | None


def parse_cops(line: str) -> Operator | None:
    """+COPS? (TS 27.007 §7.3): mode, format, name, technology; a modem without network gives the mode alone."""
    rest = after(line, "+COPS:")
    if rest is None:
        return None
    values = fields(rest)
    mode = _number(values[0])
    if mode is None:
        return None
    act = _number(values[3]) if len(values) > 3 else None
    name = values[2] if len(values) > 2 and values[2] else None
    return Operator(mode, name, _TECHNOLOGIES.get(act) if act is not None else None)


@dataclass(frozen=True, slots=True)
class Storage:
    """One memory of +CPMS; `name` is None where the modem tells only numbers (the answer to a setting)."""

    name: str | None
    used: int
    total: int


def parse_cpms(line: str) -> tuple[Storage, ...]:
    """+CPMS? or the answer to +CPMS=: up to three memories; some Huawei leave fields out (TS 27.005 §3.2.2)."""
    rest = after(line, "+CPMS:")
    found: list[Storage] = []
    name: str | None = None
    numbers: list[int] = []
    for value in fields(rest or ""):
        number = _number(value)
        if number is None:
            name, numbers = value or None, []
            continue
        numbers.append(number)
        if len(numbers) == 2:
            found.append(Storage(name, numbers[0], numbers[1]))
            name, numbers = None, []
    return tuple(found)


def parse_choices(line: str, prefix: str) -> tuple[tuple[str, ...], ...]:
    """A test command's lists: ``("SM","ME"),(0-3),(1)`` as tuples of strings, ranges spelled out.

    Wavecom nests them once more: ``(("SM","BM","SR"),("SM"))``.
    """
    rest = after(line, prefix)
    found: list[tuple[str, ...]] = []
    for group in re.findall(r"\(([^()]*)\)", rest or ""):
        if '"' in group:
            found.append(tuple(re.findall(r'"([^"]*)"', group)))
            continue
        values: list[str] = []
        for low, high, alone in _RANGE.findall(group):
            values += [alone] if alone else [str(n) for n in range(int(low), min(int(high), int(low) + 255) + 1)]
        found.append(tuple(values))
    return tuple(found)


def parse_cnmi(line: str) -> tuple[int, ...]:
    """+CNMI? as numbers; () when unreadable (TS 27.005 §3.4.1)."""
    values = [_number(value) for value in fields(after(line, "+CNMI:") or "")]
    return tuple(value for value in values if value is not None)


@dataclass(frozen=True, slots=True)
class Stored:
    """One stored message: `index` is None for +CMGR, `status` 0 unread to 3 sent, None where left out."""

    index: int | None
    status: int | None
    length: int | None
    pdu: str


def parse_stored(lines: Iterable[str]) -> tuple[Stored, ...]:
    """The entries of a +CMGL or +CMGR answer in PDU mode, in order; empty slots and headers without PDU left out.

    Source: TS 27.005 §4.1, §4.2; an empty slot may come as ``+CMGR: 0,,0`` and nothing behind it.
    """
    found: list[Stored] = []
    header: tuple[int | None, int | None, int | None] | None = None
    for line in lines:
        if line.startswith(("+CMGL:", "+CMGR:")):
            values = [_number(value) for value in fields(line[6:])]
            listing = line.startswith("+CMGL:")
            index = values[0] if listing else None
            rest = values[1:] if listing else values
            header = (index, rest[0] if len(rest) > 1 else None, rest[-1] if rest else None)
        elif header is not None and line.strip():
            found.append(Stored(*header, pdu=line.strip()))
            header = None
    return tuple(found)


@dataclass(frozen=True, slots=True)
class StoredAt:
    """Where +CMTI or +CDSI say that something lies; `index` None: the modem did not say (SIM7000: ``+CMTI: ,-1``)."""

    memory: str
    index: int | None


def parse_cmti(line: str) -> StoredAt | None:
    """+CMTI (TS 27.005 §3.4.1)."""
    return _stored_at(after(line, "+CMTI:"))


def parse_cdsi(line: str) -> StoredAt | None:
    """+CDSI (TS 27.005 §3.4.1)."""
    return _stored_at(after(line, "+CDSI:"))


def _stored_at(rest: str | None) -> StoredAt | None:
    if rest is None:
        return None
    values = fields(rest)
    if len(values) == 1 and (index := _number(values[0])) is not None:
        return StoredAt("", index)
    return StoredAt(values[0], _number(values[1]) if len(values) > 1 else None)


def parse_cpin(line: str) -> str | None:
    """What +CPIN? waits for: ``READY``, ``SIM PIN``, ``SIM PUK``… in capitals (TS 27.007 §8.3)."""
    rest = after(line, "+CPIN:")
    return rest.strip('"').upper() if rest else None


def parse_cnum(lines: Iterable[str]) -> str | None:
    """The first own number of +CNUM, with "+" for type 145; None when the SIM holds none (TS 27.007 §7.1)."""
    for line in lines:
        values = fields(after(line, "+CNUM:") or "")
        if len(values) >= 2 and (number := _with_type(values[1], values[2] if len(values) > 2 else "")):
            return number
    return None


def parse_csca(line: str) -> str | None:
    """The SMS centre's address of +CSCA?; None when empty. UCS-2 hex is undone (TS 27.005 §3.3.1)."""
    values = fields(after(line, "+CSCA:") or "")
    return _with_type(values[0], values[1] if len(values) > 1 else "")


def _with_type(number: str, kind: str) -> str | None:
    if re.fullmatch(r"(?:00[23][0-9Bb])+", number):  # AT+CSCS="UCS2" was left on
        number = bytes.fromhex(number).decode("utf-16-be")
    number = number.strip()
    if not re.fullmatch(r"\+?[0-9]{2,20}", number):
        return None
    return f"+{number}" if kind == "145" and not number.startswith("+") else number


def parse_iccid(lines: Iterable[str]) -> str | None:
    """The ICCID in any form: behind a prefix, bare, quoted, nibble-swapped, or inside +CRSM (TS 102 221 §13.2).

    Returns:
        As `normal_iccid` writes it; None when no line holds one.
    """
    for line in lines:
        if line.startswith("+CRSM:"):
            values = fields(line[6:])
            candidates = [_unswapped(values[2])] if len(values) > 2 and values[0] == "144" else []
        else:
            candidates = re.findall(r"[0-9A-Fa-f]{18,20}", line.rpartition(":")[2])
        for candidate in candidates:
            if found := normal_iccid(candidate):
                return found
    return None


def _unswapped(octets: str) -> str:
    return "".join(octets[at + 1] + octets[at] for at in range(0, len(octets) - 1, 2))


def parse_cmgs(line: str) -> int | None:
    """TP-MR 0–255 of +CMGS: <mr> (TS 27.005 §4.3).

    None where the line is none or carries no usable number: the line itself is the acceptance, not its number.
    """
    rest = after(line, "+CMGS:")
    mr = _number(fields(rest)[0]) if rest else None
    return mr if mr is not None and mr <= 255 else None


@dataclass(frozen=True, slots=True)
class UssdReply:
    """+CUSD: `state` 0 done, 1 reply expected, 2 ended by the network, 3 other client, 4 unsupported, 5 time-out."""

    state: int
    text: str | None
    dcs: int | None


def parse_cusd(line: str) -> UssdReply | None:
    """+CUSD (TS 27.007 §7.15); a text that itself holds quotes ends at the last one."""
    match = re.fullmatch(r'\+CUSD:\s*(\d)(?:\s*,\s*(?:"(.*)"|([^,"]*?))?(?:\s*,\s*(\d{1,3}))?)?\s*', line, re.DOTALL)
    if match is None:
        return None
    text = match[2] if match[2] is not None else match[3]
    return UssdReply(int(match[1]), text or None, int(match[4]) if match[4] else None)
