"""Time stamps of seven octets with a zone in quarters of an hour (TS 23.040 §9.2.3.11)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from modemfarm.errors import PduDecodeError

YEAR_PIVOT = 90  # two digits from 90 on are 19xx, the first networks' years; below, 20xx
ZERO = bytes(7)  # what networks write where they have no time

_MOST_QUARTERS = 79  # seven digits' worth: three bits of tens and one digit
_NO_DIGITS = 255
_VALUES = bytes(  # two digits, the tens in the low half
    (octet & 0x0F) * 10 + (octet >> 4) if octet & 0x0F <= 9 and octet >> 4 <= 9 else _NO_DIGITS for octet in range(256)
)
_ZONES = {quarters: timezone(timedelta(minutes=15 * quarters)) for quarters in range(-_MOST_QUARTERS, 80)}


def decode_timestamp(octets: bytes, field: str, at: int) -> datetime:
    """The time that seven octets tell, with the zone that they carry.

    Args:
        field, at: what a PduDecodeError names.
    """
    values = octets[:6].translate(_VALUES)
    zone = octets[6]
    if _NO_DIGITS in values:
        step = values.index(_NO_DIGITS)
        raise PduDecodeError(field, at + step, f"{octets[step]:02X} is not two digits")
    if zone >> 4 > 9:
        raise PduDecodeError(field, at + 6, f"{zone:02X} is not a time zone")
    quarters = (zone & 0x07) * 10 + (zone >> 4)
    year, month, day, hour, minute, second = values
    try:
        return datetime(
            year + (1900 if year >= YEAR_PIVOT else 2000),
            month,
            day,
            hour,
            minute,
            second,
            tzinfo=_ZONES[-quarters if zone & 0x08 else quarters],
        )
    except ValueError as error:
        raise PduDecodeError(field, at + _culprit(values), str(error)) from error


def encode_timestamp(moment: datetime | None) -> bytes:
    """Seven octets; a zone between two quarters is moved to the nearer one. None gives seven zero octets.

    Raises:
        ValueError: naive, or not within 1990 to 2089.
    """
    if moment is None:
        return ZERO
    offset = moment.utcoffset()
    if offset is None:
        msg = f"{moment!r} has no time zone"
        raise ValueError(msg)
    quarters = round(offset / timedelta(minutes=15))
    if abs(quarters) > _MOST_QUARTERS:
        quarters = 0
    moment = moment.astimezone(_ZONES[quarters])
    if not 1900 + YEAR_PIVOT <= moment.year < 2000 + YEAR_PIVOT:
        msg = f"the year {moment.year} does not fit two digits"
        raise ValueError(msg)
    parts = (moment.year % 100, moment.month, moment.day, moment.hour, moment.minute, moment.second, abs(quarters))
    octets = bytearray((value % 10) << 4 | value // 10 for value in parts)
    if quarters < 0:
        octets[6] |= 0x08
    return bytes(octets)


def _culprit(values: bytes) -> int:
    """Which of the six is out of its range; the day when each is in range but the month is shorter."""
    ranges = ((0, 99), (1, 12), (1, 31), (0, 23), (0, 59), (0, 59))
    within = (low <= value <= high for value, (low, high) in zip(values, ranges, strict=True))
    return next((step for step, good in enumerate(within) if not good), 2)
