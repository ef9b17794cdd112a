"""The headers of SMS Server Tools 3: which are obeyed, which are refused by name, which this program writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

TRUE = frozenset({"yes", "true", "on", "1"})
FALSE = frozenset({"no", "false", "off", "0", ""})

OBEYED = (
    "To",
    "To_TOA",
    "Alphabet",
    "Message-Class",
    "Confirm-Emergency",
    "Report",
    "Flash",
    "Class",
    "Autosplit",
    "Validity",
    "Priority",
    "Queue",
    "Provider",
    "Macro",
)


class BadFileError(ValueError):
    """Why a file cannot become a message: one line for its `Fail_reason:`."""


def _switched_on(value: str) -> bool:
    """Raises BadFileError: it is neither yes nor no."""
    if value.lower() not in TRUE | FALSE:
        raise BadFileError(f"{_shown(value)} is neither yes nor no")
    return value.lower() in TRUE


def _to_the_card(value: str) -> bool:
    return value.lower() in {"2", "tosim"} or _switched_on(value)


def _given(value: str) -> bool:
    return bool(value)


# a header that asks for nothing ("Ping: no") is no reason to refuse a message
REFUSED: Mapping[str, Callable[[str], bool]] = {
    "DCS_hex": _given,
    "Hex": _switched_on,
    "Include": _given,
    "Language": _given,
    "Language_ext": _given,
    "Message_reference": _given,
    "Ping": _switched_on,
    "Reject_duplicates": _switched_on,
    "Replace": _given,
    "Reply_path": _switched_on,
    "Retries": _given,
    "SMSC": _given,
    "System_message": _to_the_card,
    "Text_is_pdu": _switched_on,
    "UDH": _switched_on,
    "UDH-DATA": _given,
    "Voicecall": _switched_on,
}

# what a file that comes back from sent/ or failed/ still says of its last journey
WRITTEN = (
    "Modem",
    "Sent",
    "Sending_time",
    "Message_id",
    "IMSI",
    "IMEI",
    "Failed",
    "Fail_reason",
    "PDU",
)

MOST_HEADERS = 200
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class SpoolFile:
    """A file, cut at its first empty line.

    Attributes:
        lines: its header lines as octets, without their ends.
        values: what they say, by name; names are case-sensitive.
        twice: names that stand more than once; which of the values counts nobody can say.
        macros: what `Macro:` names, in order.
    """

    lines: tuple[bytes, ...]
    values: Mapping[str, str]
    twice: frozenset[str]
    macros: tuple[tuple[str, str], ...]
    body: bytes

    def is_on(self, name: str) -> bool:
        """Whether a header of yes and no says yes.

        Raises:
            BadFileError: it says neither.
        """
        return _asks(name, _switched_on, self)


def cut(content: bytes) -> SpoolFile:
    """Read a file's form; any octets have one."""
    lines: list[bytes] = []
    values: dict[str, str] = {}
    twice: set[str] = set()
    macros: list[tuple[str, str]] = []
    at = len(_BYTE_ORDER_MARK) if content.startswith(_BYTE_ORDER_MARK) else 0
    while at < len(content):
        end = content.find(b"\n", at)
        end = len(content) if end < 0 else end
        line = content[at:end].removesuffix(b"\r")
        at = end + 1
        if not line.strip():
            break
        if len(lines) < MOST_HEADERS:
            lines.append(line)
            name, colon, value = _text(line).partition(":")
            name, value = name.strip(), value.strip()
            if colon and name == "Macro":
                key, _, stands_for = value.partition("=")
                macros.append((key, stands_for))
            elif colon and name in values:
                twice.add(name)
            if colon:
                values[name] = value
    return SpoolFile(tuple(lines), values, frozenset(twice), tuple(macros), content[at:])


def _text(octets: bytes) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("iso8859-15")


def refuse_unknowing(file: SpoolFile) -> None:
    """Raises BadFileError for a header that asks for what this program does not do, or says two things."""
    for name in (*OBEYED, *REFUSED):
        if name in file.twice:
            raise BadFileError(f"{name}: stands more than once")
    for name, asks in REFUSED.items():
        if _asks(name, asks, file):
            raise BadFileError(f"{name}: {_shown(file.values[name])} is not supported")


def _asks(name: str, asks: Callable[[str], bool], file: SpoolFile) -> bool:
    try:
        return asks(file.values.get(name, ""))
    except BadFileError as error:
        raise BadFileError(f"{name}: {error}") from None


def _shown(value: str) -> str:
    return value if len(value) <= 40 else value[:39] + "…"


def with_headers(content: bytes, added: Mapping[str, str]) -> bytes:
    """The same file with headers of ours behind its own; those of an earlier journey are left out."""
    file = cut(content)
    kept = [line for line in file.lines if _text(line).partition(":")[0].strip() not in WRITTEN]
    kept += [f"{name}: {one_line(value)}".encode() for name, value in added.items()]
    return b"\n".join(kept) + b"\n\n" + file.body


def one_line(value: str) -> str:
    """A value that cannot end its header."""
    return "".join(char if char.isprintable() else " " for char in value).strip()
