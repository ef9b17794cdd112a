"""AT traffic without what it says about people: numbers and texts lose their content and keep their length.

What is masked is still AT traffic: digits become 0, letters x, a PDU keeps its header. So a recording can be
read by a parser. PINs and other codes become stars, whatever their length, before anything is kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Commands whose argument is a secret: PIN, PUK, lock and barring codes, and card commands that carry a PIN in hex.
_SECRET = re.compile(
    rb"(?:[+^*$#%!&_]|\bAT)(?!CPINR\b|CPINC\b)[A-Z0-9]*(?:PIN[0-9]?|PUK[0-9]?|PWD|PASS|LCK|LOCK|NCK|CSIM|CRSM|CGLA)\s*=(?!\?)",
    re.IGNORECASE,
)
# PIN changes as a telephone dials them: **04*old*new*new#, **042*, **05*, **052* (TS 22.030 §6.6.2)
_DIALLED_SECRET = re.compile(rb"\*\*0[45]2?\*")
_ARGUMENT = re.compile(rb'"([^"]*)"?|[0-9A-Fa-f*#]*\d{3,}[0-9A-Fa-f*#]*')
_CODE = re.compile(rb"[0-9]{3,}")
_FACILITY = re.compile(rb"[A-Z][A-Z0-9]")  # +CLCK="SC",…: which lock, no secret
_STARS = b"****"

_LINE = re.compile(rb"[^\r\n\x1a\x1b]+")
_NUMBER = re.compile(rb"[0-9]{7,20}[Ff]?")
_HEX = re.compile(rb"[0-9A-Fa-f]{14,}")
_QUOTED = re.compile(rb'"([^"]*)("|$)')
_DIGIT, _LETTER = re.compile(rb"[0-9]"), re.compile(rb"[^\s0-9]")
_NAME = re.compile(rb"(?:AT)?([+^*$#%!&_][A-Z][A-Z0-9]*)", re.IGNORECASE)
_END = re.compile(rb"(?:OK|ERROR|\+CM[ES] ERROR:.*|NO CARRIER|BUSY|NO ANSWER)\s*")
_LAST_ANSWER = re.compile(rb"(?:OK|ERROR|\+CM[ES] ERROR: ?\d{1,3}|\+CPIN: ?[A-Z0-9 -]+)")
# What stands in quotes here is a word of the standards or a name of the network, neither number nor text of a person.
_WORDS = frozenset(
    b"+COPS +CPMS +CSCS +CPIN +CLCK +CPINR +CPINC +CREG +CGREG +CEREG +C5GREG +CCLK +CTZV +CTZE +CIEV +CMTI +CDSI"
    b" +QSPN +QNWINFO +QENG +QCFG +QSIMSTAT ^HCSQ ^SYSINFOEX ^MODE *PSUTTZ *PSNWID +CSPN +CGDCONT +CMGF +CSMP".split()
)
_STATUS = re.compile(rb"(?:REC|STO) (?:UN)?(?:READ|SENT)|ALL|S[MRC]|M[ETS]|BM|TA|\d\d/\d\d/\d\d,[\d:]{8}(?:[+-]\d\d)?")
_TEXT_FOLLOWS = re.compile(rb'\+(?:CMT|CMGR|CMGL|CDS|CBM):.*"')
_QUOTE_LINES = 20  # a text in quotes that runs over more lines than this has lost its end


def hide_secrets(data: bytes) -> bytes:
    """Commands as they may be kept: PINs and codes are ``****``; everything else is as it was."""
    found = _SECRET.search(data)
    while found is not None:
        end = _end_of_command(data, found.end())
        hidden = _ARGUMENT.sub(_starred, data[found.end() : end])
        data = data[: found.end()] + hidden + data[end:]
        found = _SECRET.search(data, found.end() + len(hidden))
    dialled = _DIALLED_SECRET.search(data)
    while dialled is not None:
        end = dialled.end()
        while end < len(data) and data[end : end + 1] in b"0123456789*#":
            end += 1
        data = data[: dialled.end()] + _STARS + data[end:]
        dialled = _DIALLED_SECRET.search(data, dialled.end() + len(_STARS))
    return data


def has_secret(data: bytes) -> bool:
    """Whether a PIN or a code is in these commands."""
    return (b"=" in data and _SECRET.search(data) is not None) or _DIALLED_SECRET.search(data) is not None


def hide_echo(line: bytes) -> bytes:
    """A line read while a secret's echo may still come: only results keep their digits."""
    return line if _LAST_ANSWER.fullmatch(line.strip()) else _DIGIT.sub(b"*", line)


def ends_command(line: bytes) -> bool:
    """Whether a line is a final result code."""
    return _END.fullmatch(line.strip()) is not None


def mask_command(text: str) -> str:
    """One command line as logs and events may show it."""
    data = text.encode("ascii", "replace")
    packed = data.replace(b" ", b"")  # modems pass over blanks: AT+C PIN=1234
    return mask_stream(hide_secrets(packed if has_secret(packed) else data)).decode("latin-1")


def mask_stream(data: bytes, *, cut: bool = False) -> bytes:
    """One direction's octets with numbers and texts masked; as long as before, octet for octet.

    Args:
        cut: the beginning is missing, so that nobody can say what the first line is.
    """
    return _Masker(cut=cut).mask(data)


def _end_of_command(data: bytes, start: int) -> int:
    quoted = False
    for at in range(start, len(data)):
        octet = data[at]
        if octet == 0x22:
            quoted = not quoted
        elif octet in b"\r\n" or (octet == 0x3B and not quoted):
            return at
    return len(data)


def _starred(found: re.Match[bytes]) -> bytes:
    inner = found[1]
    if inner is None:
        return _STARS
    return found[0] if _FACILITY.fullmatch(inner) else b'"' + _STARS + b'"'


class _Masker:
    """Goes over the lines of one stream; texts may run over several."""

    def __init__(self, *, cut: bool) -> None:
        self._blind = cut
        self._text = False  # the lines after a header of text mode
        self._quote = 0  # lines left of a text in quotes that began earlier

    def mask(self, data: bytes) -> bytes:
        return _LINE.sub(lambda found: self._line(found[0]), data)

    def _line(self, line: bytes) -> bytes:
        if has_secret(line):
            return _CODE.sub(lambda found: b"*" * len(found[0]), line)
        if self._blind:
            self._blind = False
            return line if _END.fullmatch(line) else _blank(line)
        if self._quote:
            before, quote, rest = line.partition(b'"')
            self._quote = 0 if quote or _END.fullmatch(line) else self._quote - 1
            return line if _END.fullmatch(line) else _blank(before) + quote + _numbers(rest)
        if self._text and not _END.fullmatch(line) and not _NAME.match(line) and _HEX.fullmatch(line) is None:
            return _blank(line)
        self._text = _TEXT_FOLLOWS.match(line.lstrip()) is not None
        return self._known(line)

    def _known(self, line: bytes) -> bytes:
        name = _NAME.match(line.lstrip())
        words = name is not None and name[1].upper() in _WORDS
        if line.count(b'"') % 2:
            self._quote = _QUOTE_LINES
        out, at = b"", 0
        for found in _QUOTED.finditer(line):
            inner = found[1]
            out += _numbers(line[at : found.start()])
            plain = (words and not _HEX.fullmatch(inner)) or _STATUS.fullmatch(inner)
            is_text = name is not None and name[1].upper() == b"+CUSD"
            out += b'"' + (_numbers(inner) if plain else _blank(inner) if is_text else _content(inner)) + found[2]
            at = found.end()
        return out + _numbers(line[at:])


def _content(inner: bytes) -> bytes:
    """What stands in quotes: a number keeps its ends, a text nothing."""
    digits = inner.removeprefix(b"+")
    if _NUMBER.fullmatch(digits) and not digits.startswith(b"00"):  # 00…: a text in UCS-2
        return inner[: len(inner) - len(digits)] + _number(digits)
    return _blank(inner)


def _blank(text: bytes) -> bytes:
    return _LETTER.sub(b"x", _DIGIT.sub(b"0", text))


def _numbers(piece: bytes) -> bytes:
    """Outside quotes: PDUs keep their headers, long numbers their ends."""
    return _NUMBER_OR_HEX.sub(_run, piece)


_NUMBER_OR_HEX = re.compile(rb"[0-9A-Fa-f]{7,}")


def _run(found: re.Match[bytes]) -> bytes:
    run = found[0]
    if _NUMBER.fullmatch(run):
        return _number(run)
    if len(run) >= 14:
        facts = pdu_facts(run)
        return b"0" * len(run) if facts is None else facts.masked
    return _DIGIT.sub(b"0", run) if sum(octet in b"0123456789" for octet in run) >= 5 else run


def _number(digits: bytes) -> bytes:
    head, tail = (4, 3) if len(digits) >= 10 else (2, 1)
    return digits[:head] + b"0" * (len(digits) - head - tail) + digits[-tail:]


@dataclass(frozen=True, slots=True)
class PduFacts:
    """What a recording keeps of a PDU.

    Attributes:
        masked: its hex digits with addresses and content zeroed.
        kind: ``deliver``, ``submit`` or ``status_report``.
        udl: TP-UDL; None for a status report.
        header: the user data header in hex; "" without one.
        status: TP-ST of a status report.
    """

    masked: bytes
    kind: str
    octets: int
    dcs: int | None
    udl: int | None
    header: str
    status: int | None


def pdu_facts(text: bytes) -> PduFacts | None:
    """The header of a PDU with its SMSC address, by position alone (TS 23.040 §9.2.2); None when it is none."""
    if len(text) % 2 or not text.isalnum():
        return None
    try:
        octets = bytearray.fromhex(text.decode("ascii"))
        return _walk(octets, upper=text.isupper() or text.isdigit())
    except (ValueError, IndexError):
        return None


def _walk(octets: bytearray, *, upper: bool) -> PduFacts | None:
    at = 1 + octets[0]
    if octets[0] > 12:
        return None
    octets[2:at] = bytes(max(0, at - 2))
    first = octets[at]
    kind = ("deliver", "submit", "status_report", "")[first & 0x03]
    at += 1 if kind == "deliver" else 2
    digits = octets[at]
    if digits > 20 or not kind:
        return None
    end = at + 2 + (digits + 1) // 2
    octets[at + 2 : end] = bytes(end - at - 2)
    at = end
    dcs = udl = status = None
    header = b""
    if kind == "status_report":
        at += 14
        status = octets[at]
        octets[at + 1 :] = bytes(max(0, len(octets) - at - 1))
    else:
        dcs = octets[at + 1]
        at += 2 + (7 if kind == "deliver" else (0, 7, 1, 7)[first >> 3 & 0x03])
        udl = octets[at]
        at += 1
        if first & 0x40 and at < len(octets):
            header = bytes(octets[at : at + 1 + octets[at]])
            at += len(header)
        octets[at:] = bytes(max(0, len(octets) - at))
    masked = octets.hex()
    return PduFacts((masked.upper() if upper else masked).encode(), kind, len(octets), dcs, udl, header.hex(), status)
