"""The headers of SMS Server Tools 3: which are obeyed, which are refused by name, which this program writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

TRUE = frozenset({"yes", "true", "on", "1"})

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
    "UDH",
)


def _switched_on(value: str) -> bool:
    return value.lower() in TRUE


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
    "System_message": lambda value: _switched_on(value) or value.lower() in {"2", "tosim"},
    "Text_is_pdu": _switched_on,
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


class BadFileError(ValueError):
    """Why a file cannot become a message: one line for its `Fail_reason:`."""


@dataclass(frozen=True, slots=True)
class SpoolFile:
    """A file, cut at its first empty line.

    Attributes:
        lines: its header lines as octets, without their ends.
        values: what they say, by name; names are case-sensitive, and of two alike the later counts.
        macros: what `Macro:` names, in order.
    """

    lines: tuple[bytes, ...]
    values: Mapping[str, str]
    macros: tuple[tuple[str, str], ...]
    body: bytes

    def is_on(self, name: str) -> bool:
        """Whether a header of yes and no says yes."""
        return _switched_on(self.values.get(name, ""))


def cut(content: bytes) -> SpoolFile:
    """Read a file's form; any octets have one."""
    lines: list[bytes] = []
    values: dict[str, str] = {}
    macros: list[tuple[str, str]] = []
    at = 0
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
            if colon and name == "Macro":
                key, _, stands_for = value.strip().partition("=")
                macros.append((key, stands_for))
            if colon:
                values[name.strip()] = value.strip()
    return SpoolFile(tuple(lines), values, tuple(macros), content[at:])


def _text(octets: bytes) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("iso8859-15")


def refuse_unknowing(file: SpoolFile) -> None:
    """Raises BadFileError for a header that asks for what this program does not do."""
    for name, asks in REFUSED.items():
        if asks(file.values.get(name, "")):
            raise BadFileError(f"{name}: {_shown(file.values[name])} is not supported")


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
