"""Reads octets from front to back and names the field when they run out."""

from __future__ import annotations

from modemfarm.errors import PduDecodeError


class Reader:
    """A position in octets; every shortage is a PduDecodeError.

    Attributes:
        octets: all of them, from the start of what is being decoded.
        at: offset of the next octet.
    """

    __slots__ = ("at", "octets")

    def __init__(self, octets: bytes, at: int = 0) -> None:
        self.octets = octets
        self.at = at

    def octet(self, field: str) -> int:
        at = self.at
        if at >= len(self.octets):
            raise PduDecodeError(field, at, "the octets end here")
        self.at = at + 1
        return self.octets[at]

    def take(self, field: str, count: int) -> bytes:
        at = self.at
        left = len(self.octets) - at
        if count > left:
            raise PduDecodeError(field, at, f"{count} octets are announced, {left} are left")
        self.at = at + count
        return self.octets[at : at + count]

    def rest(self) -> bytes:
        rest = self.octets[self.at :]
        self.at = len(self.octets)
        return rest
