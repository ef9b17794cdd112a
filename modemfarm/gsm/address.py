"""Addresses: numbers in semi-octets and names in septets (TS 23.040 §9.1.2), and the SMSC's (TS 27.005 §3.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from modemfarm.errors import PduDecodeError
from modemfarm.gsm.alphabet import decode7, encode7, pack, unpack
from modemfarm.gsm.reader import Reader

INTERNATIONAL = 0x91  # type international, numbering plan E.164
UNKNOWN = 0x81  # type unknown: national numbers and short codes, as dialled
ALPHANUMERIC = 0xD0

_MOST_DIGITS = 20  # TS 23.040 §9.1.2.5: an address field has 12 octets at most
_SEMI_OCTETS = "0123456789*#abc"  # TS 24.008 table 10.5.118; 15 fills the last octet
_NUMBER = re.compile(r"\+?[0-9*#]+", re.ASCII)
_TO_HEX = str.maketrans("*#abc", "abcde")
_SWAP = bytes((octet & 0x0F) << 4 | octet >> 4 for octet in range(256))
_FROM_HEX = str.maketrans("abcde", "*#abc")


@dataclass(frozen=True, slots=True)
class Address:
    """One address.

    Attributes:
        text: digits (also ``* # a b c``), with "+" in front only when the type is international; or a name.
        type_octet: type of number and numbering plan, as on the wire.
    """

    text: str
    type_octet: int

    @property
    def is_name(self) -> bool:
        return _is_name(self.type_octet)


@lru_cache(maxsize=1024)
def address_of(text: str) -> Address:
    """The address that a person wrote: "+" makes it international, digits alone unknown, anything else a name.

    Raises:
        ValueError: it fits no address field.
    """
    if _NUMBER.fullmatch(text):
        digits = text.removeprefix("+")
        if len(digits) > _MOST_DIGITS:
            msg = f"{text!r} has more than {_MOST_DIGITS} digits"
            raise ValueError(msg)
        return Address(text, INTERNATIONAL if text.startswith("+") else UNKNOWN)
    if text and encode_address(Address(text, ALPHANUMERIC)):
        return Address(text, ALPHANUMERIC)
    return Address("", UNKNOWN)


@lru_cache(maxsize=1024)
def encode_address(address: Address) -> bytes:
    """The octets of TP-OA, TP-DA or TP-RA: length in semi-octets, type, value (TS 23.040 §9.1.2.5).

    Raises:
        ValueError: too long, or characters that the type cannot carry.
    """
    if address.is_name:
        septets = encode7(address.text)
        if septets is None or 7 * len(septets) > 4 * _MOST_DIGITS:
            msg = f"{address.text!r} is no name of at most 11 septets of the default alphabet"
            raise ValueError(msg)
        return bytes([-(-7 * len(septets) // 4), address.type_octet]) + pack(septets)
    digits = _digits(address)
    return bytes([len(digits), address.type_octet]) + _swapped(digits)


def decode_address(reader: Reader, field: str) -> Address:
    """Read TP-OA, TP-DA or TP-RA."""
    at = reader.at
    length = reader.octet(field)
    if length > _MOST_DIGITS:
        raise PduDecodeError(field, at, f"{length} semi-octets, at most {_MOST_DIGITS} fit an address")
    type_octet = reader.octet(field)
    value = reader.take(field, (length + 1) // 2)
    if _is_name(type_octet):
        # Whole septets only: seven letters take 13 semi-octets, and the 14th must not become an "@".
        return Address(decode7(unpack(value, length * 4 // 7)), type_octet)
    return _number(field, at + 2, value, length, type_octet)


def encode_smsc(number: str | None) -> bytes:
    """The SMSC address before the TPDU; None leaves the choice to the SIM (TS 27.005 §3.1, `<pdu>`).

    Raises:
        ValueError: not a number, or too long.
    """
    return b"\0" if not number else _encode_smsc(number)


@lru_cache(maxsize=256)
def _encode_smsc(number: str) -> bytes:
    if not _NUMBER.fullmatch(number):
        msg = f"{number!r} is not the number of a service centre"
        raise ValueError(msg)
    address = address_of(number)
    value = _swapped(_digits(address))
    return bytes([1 + len(value), address.type_octet]) + value


def decode_smsc(reader: Reader) -> str | None:
    """Read the SMSC address: its length counts octets, the type included (TS 24.011 §8.2.5.1)."""
    at = reader.at
    length = reader.octet("SMSC address")
    if length > 1 + _MOST_DIGITS // 2:
        raise PduDecodeError("SMSC address", at, f"{length} octets, at most {1 + _MOST_DIGITS // 2} are allowed")
    if length == 0:
        return None
    type_octet = reader.octet("SMSC address")
    value = reader.take("SMSC address", length - 1)
    return _number("SMSC address", at + 2, value, 2 * len(value), type_octet).text or None


def _is_name(type_octet: int) -> bool:
    return type_octet & 0x70 == 0x50


def _is_international(type_octet: int) -> bool:
    return type_octet & 0x70 == 0x10


def _digits(address: Address) -> str:
    digits = address.text.removeprefix("+")
    if len(digits) > _MOST_DIGITS or not set(digits) <= set(_SEMI_OCTETS):
        msg = f"{address.text!r} is no number of at most {_MOST_DIGITS} digits"
        raise ValueError(msg)
    return digits


def _swapped(digits: str) -> bytes:
    even = digits.translate(_TO_HEX) + ("f" if len(digits) % 2 else "")
    return bytes.fromhex(even).translate(_SWAP)


def _number(field: str, at: int, value: bytes, length: int, type_octet: int) -> Address:
    # Some networks count the filler in; fillers at the end are no digits.
    digits = value.translate(_SWAP).hex()[:length].rstrip("f")
    if not digits.isdecimal():
        if "f" in digits:
            raise PduDecodeError(field, at + digits.index("f") // 2, "a filler stands between digits")
        digits = digits.translate(_FROM_HEX)
    return Address("+" + digits if digits and _is_international(type_octet) else digits, type_octet)
