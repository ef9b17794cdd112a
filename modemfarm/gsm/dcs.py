"""TP-DCS: the alphabet, the class and what else the data coding scheme says (TS 23.038 §4)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from modemfarm.model import Encoding

_ALPHABETS = (Encoding.GSM7, Encoding.DATA, Encoding.UCS2, Encoding.GSM7)  # the reserved fourth is read as GSM-7


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message waiting indication (groups C, D and E).

    Attributes:
        kind: 0 voicemail, 1 fax, 2 e-mail, 3 other.
        active: False takes the indication back.
        keep: the phone may show the text (store); False: it may throw the text away.
    """

    kind: int
    active: bool
    keep: bool


@dataclass(frozen=True, slots=True)
class Coding:
    """What one TP-DCS octet means.

    Attributes:
        message_class: 0 flash, 1 phone, 2 SIM, 3 terminal; None when the octet names none.
        compressed: the user data is compressed (TS 23.042), so its text cannot be read.
        auto_delete: the phone deletes it once read (group 01xx).
    """

    encoding: Encoding
    message_class: int | None = None
    compressed: bool = False
    auto_delete: bool = False
    waiting: Waiting | None = None


@cache
def decode_dcs(octet: int) -> Coding:
    """The meaning of any octet 0 to 255; reserved groups are read as the default alphabet, as §4 says."""
    group = octet >> 4
    if group < 0x8:
        return Coding(
            _ALPHABETS[octet >> 2 & 3],
            message_class=octet & 3 if octet & 0x10 else None,
            compressed=bool(octet & 0x20),
            auto_delete=bool(octet & 0x40),
        )
    if group in {0xC, 0xD, 0xE}:
        waiting = Waiting(octet & 3, active=bool(octet & 8), keep=group != 0xC)
        return Coding(Encoding.UCS2 if group == 0xE else Encoding.GSM7, waiting=waiting)
    if group == 0xF:
        return Coding(Encoding.DATA if octet & 4 else Encoding.GSM7, message_class=octet & 3)
    return Coding(Encoding.GSM7)


def encode_dcs(encoding: Encoding, message_class: int | None = None) -> int:
    """The octet of the general group: 00, 04, 08, or 10 to 1B with a class 0 to 3."""
    alphabet = {Encoding.GSM7: 0x00, Encoding.DATA: 0x04, Encoding.UCS2: 0x08}[encoding]
    return alphabet if message_class is None else 0x10 | alphabet | message_class
