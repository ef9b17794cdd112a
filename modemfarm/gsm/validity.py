"""TP-VP: how long the service centre keeps trying (TS 23.040 §9.2.3.12)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from modemfarm.gsm.reader import Reader
from modemfarm.gsm.timestamp import decode_timestamp, encode_timestamp

_MINUTE, _HOUR, _DAY, _WEEK = 60, 3600, 86400, 604800


@dataclass(frozen=True, slots=True)
class RelativeValidity:
    """One octet: 0–143 steps of 5 minutes, 144–167 of 30 minutes, 168–196 of a day, 197–255 of a week."""

    octet: int

    @property
    def seconds(self) -> int:
        if self.octet <= 143:
            return (self.octet + 1) * 5 * _MINUTE
        if self.octet <= 167:
            return 12 * _HOUR + (self.octet - 143) * 30 * _MINUTE
        if self.octet <= 196:
            return (self.octet - 166) * _DAY
        return (self.octet - 192) * _WEEK

    def encode(self) -> bytes:
        return bytes([self.octet])


@dataclass(frozen=True, slots=True)
class AbsoluteValidity:
    """A time with its zone."""

    until: datetime

    def encode(self) -> bytes:
        return encode_timestamp(self.until)


@dataclass(frozen=True, slots=True)
class EnhancedValidity:
    """Seven octets that begin with a functionality indicator; kept as they are (§9.2.3.12.3)."""

    octets: bytes

    @property
    def single_shot(self) -> bool:
        """The service centre tries once only."""
        return bool(self.octets[0] & 0x40)

    @property
    def seconds(self) -> int | None:
        """The period, or None when the octets give none or are reserved."""
        value = self.octets[2 if self.octets[0] & 0x80 else 1 :]
        match self.octets[0] & 0x07:
            case 1:
                return RelativeValidity(value[0]).seconds
            case 2:
                return value[0] or None  # 0 is reserved
            case 3:
                hours, minutes, seconds = ((octet & 0x0F) * 10 + (octet >> 4) for octet in value[:3])
                return hours * _HOUR + minutes * _MINUTE + seconds
        return None

    def encode(self) -> bytes:
        return self.octets


_FORMATS = {RelativeValidity: 0x10, AbsoluteValidity: 0x18, EnhancedValidity: 0x08}

Validity = RelativeValidity | AbsoluteValidity | EnhancedValidity


def validity_format(validity: Validity | None) -> int:
    """TP-VPF, bits 4 and 3 of an SMS-SUBMIT's first octet (§9.2.3.3)."""
    return 0 if validity is None else _FORMATS[type(validity)]


def decode_validity(reader: Reader, first_octet: int) -> Validity | None:
    """Read TP-VP in the format that TP-VPF names."""
    match first_octet & 0x18:
        case 0x10:
            return RelativeValidity(reader.octet("TP-VP"))
        case 0x18:
            at = reader.at
            return AbsoluteValidity(decode_timestamp(reader.take("TP-VP", 7), "TP-VP", at))
        case 0x08:
            return EnhancedValidity(reader.take("TP-VP", 7))
    return None


def relative_validity(seconds: int) -> RelativeValidity:
    """The longest period of one octet that is not longer than `seconds`; 5 minutes at least, 63 weeks at most."""
    if seconds <= 12 * _HOUR:
        return RelativeValidity(max(0, seconds // (5 * _MINUTE) - 1))
    if seconds < 2 * _DAY:
        return RelativeValidity(min(167, 143 + (seconds - 12 * _HOUR) // (30 * _MINUTE)))
    if seconds < 5 * _WEEK:
        return RelativeValidity(min(196, 166 + seconds // _DAY))
    return RelativeValidity(min(255, 192 + seconds // _WEEK))
